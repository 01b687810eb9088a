import type { Identity } from '#libs/contracts/identity.js';
import { CommandError } from '../command-error.js';
import { findReadyFile } from '../installation/ready-file.js';
import type { Terminal } from '../terminal.js';
import { findDirectory } from './find-people.js';

export interface SubjectOptions {
  readonly groups?: string;
  readonly kind?: string;
  readonly directory?: string;
}

/** Whose statement it is: a name, with the groups and kind the directory or ready.json knows, or those that are given. */
export async function findSubject(
  terminal: Terminal,
  name: string,
  options: SubjectOptions,
): Promise<Identity> {
  const ready = await findReadyFile(terminal.environment);
  const person = await (await findDirectory(terminal, options.directory))?.find(name);
  const sample = ready?.identities.find((each) => each.name === name);
  const groups =
    options.groups?.split(',').filter((group) => group !== '') ?? person?.groups ?? sample?.groups;
  if (groups === undefined)
    throw new CommandError(
      `nobody here knows "${name}": name a directory with --directory, or its groups with --groups a,b`,
    );
  const kind = options.kind ?? person?.kind ?? 'human';
  if (kind !== 'human' && kind !== 'service' && kind !== 'agent')
    throw new CommandError('--kind takes human, service or agent');
  return {
    name,
    kind,
    groups: [...groups],
    issuer: ready?.idp.issuer ?? 'unknown',
    subject: name,
    ...(person?.owner === undefined ? {} : { onBehalfOf: person.owner }),
  };
}
