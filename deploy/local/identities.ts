import { readFile } from 'node:fs/promises';
import { hasCode } from '#libs/kernel/coded-error.js';
import type { Person } from '#libs/identity/directory.js';
import { writeSecretJson } from './home/write-file.js';

/** The sample identities of a development stack. All invented. */
export const sampleIdentities: readonly Person[] = [
  { name: 'alice', kind: 'human', groups: ['engineering'], slackUserId: 'U0ALICE' },
  { name: 'bob', kind: 'human', groups: ['dba'], slackUserId: 'U0BOB' },
  { name: 'carol', kind: 'human', groups: ['compliance'], slackUserId: 'U0CAROL' },
  { name: 'dana', kind: 'human', groups: ['dba'], slackUserId: 'U0DANA' },
  { name: 'erin', kind: 'human', groups: ['engineering'], slackUserId: 'U0ERIN' },
  { name: 'etl-agent', kind: 'agent', groups: ['agents'], owner: 'alice' },
];

/** Written once: later changes to the file (who is in which group now) are somebody's intention. */
export async function ensureDirectory(file: string): Promise<void> {
  try {
    await readFile(file);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
    await writeSecretJson(file, { people: sampleIdentities });
  }
}
