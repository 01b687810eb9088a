import { z } from 'zod';
import { CommandError } from '../command-error.js';
import type { Api } from '../installation/api.js';
import { explanationSchema, type ExplanationDocument } from './explanation-document.js';
import { requestSchema, type RequestDocument } from './request-document.js';

const pageSchema = z.object({
  requests: z.array(requestSchema),
  next: z.union([z.string(), z.number()]).nullish(),
});

export class RequestsApi {
  constructor(private readonly api: Api) {}

  /** Every page, newest first. */
  async list(state: string | undefined): Promise<RequestDocument[]> {
    const requests: RequestDocument[] = [];
    let next: string | undefined;
    do {
      const query = new URLSearchParams();
      if (state !== undefined) query.set('state', state);
      if (next !== undefined) query.set('after', next);
      const page = read(
        pageSchema,
        await this.api.get(`/v1/requests${query.size === 0 ? '' : `?${query.toString()}`}`),
      );
      requests.push(...page.requests);
      next = page.next === null || page.next === undefined ? undefined : String(page.next);
    } while (next !== undefined);
    return requests;
  }

  async find(id: string): Promise<RequestDocument> {
    return read(requestSchema, await this.api.get(`/v1/requests/${encodeURIComponent(id)}`));
  }

  /** Why it is where it is, as the API says it. */
  async explain(id: string): Promise<ExplanationDocument> {
    return read(explanationSchema, await this.api.get(`/v1/requests/${encodeURIComponent(id)}/explanation`));
  }

  /** Returns the request as it is after the vote. */
  vote(
    id: string,
    vote: { decision: 'approve' | 'deny'; reason?: string; maxRows?: number },
  ): Promise<RequestDocument> {
    return this.post(id, 'votes', vote);
  }

  comment(id: string, text: string): Promise<RequestDocument> {
    return this.post(id, 'comments', { text });
  }

  revoke(id: string, reason: string | undefined): Promise<RequestDocument> {
    return this.post(id, 'revoke', reason === undefined ? {} : { reason });
  }

  /** The request once it is no longer pending, or as it is after so many seconds (60 at most). */
  async wait(id: string, seconds: number): Promise<RequestDocument> {
    const path = `/v1/requests/${encodeURIComponent(id)}/wait?timeout=${seconds}`;
    return read(requestSchema, await this.api.get(path, (seconds + 15) * 1_000));
  }

  private async post(id: string, action: string, body: object): Promise<RequestDocument> {
    return read(requestSchema, await this.api.post(`/v1/requests/${encodeURIComponent(id)}/${action}`, body));
  }
}

function read<S extends z.ZodType>(schema: S, answer: unknown): z.output<S> {
  const parsed = schema.safeParse(answer);
  if (parsed.success) return parsed.data;
  throw new CommandError(
    `approvals answered in a form this version does not know (${parsed.error.issues[0]?.path.join('.') ?? ''}): use the command line of its version`,
  );
}
