import { z } from 'zod';
import { CommandError } from '../../command-error.js';
import type { Api } from '../../installation/api.js';
import { changeSchema, type ChangeDocument } from './change-document.js';

const BASE = '/v1/policy/changes';

export class ChangesApi {
  constructor(private readonly api: Api) {}

  /** Newest first. */
  async list(state: string | undefined): Promise<ChangeDocument[]> {
    const query = state === undefined ? '' : `?state=${encodeURIComponent(state)}`;
    return read(z.object({ changes: z.array(changeSchema) }), await this.api.get(`${BASE}${query}`)).changes;
  }

  async find(id: string): Promise<ChangeDocument> {
    return read(changeSchema, await this.api.get(`${BASE}/${encodeURIComponent(id)}`));
  }

  async propose(text: string, reason: string | undefined): Promise<ChangeDocument> {
    const body = { text, ...(reason === undefined ? {} : { reason }) };
    return read(changeSchema, await this.api.post(BASE, body));
  }

  /** Returns the change as it is after the vote. */
  async vote(
    id: string,
    vote: { readonly decision: 'approve' | 'deny'; readonly reason?: string },
  ): Promise<ChangeDocument> {
    return read(changeSchema, await this.api.post(`${BASE}/${encodeURIComponent(id)}/votes`, vote));
  }
}

function read<S extends z.ZodType>(schema: S, answer: unknown): z.output<S> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new CommandError(
    `approvals answered in a form this version does not know (${parsed.error.issues[0]?.path.join('.') ?? ''}): use the command line of its version`,
  );
}
