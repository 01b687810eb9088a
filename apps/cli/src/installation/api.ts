import { messageOf } from '#libs/kernel/coded-error.js';
import { CommandError } from '../command-error.js';

/** Calls an API with a bearer token; what it refuses becomes one line for the person. */
export class Api {
  constructor(
    private readonly baseUrl: string,
    private readonly token: string,
    /** The service's name, for the person. */
    private readonly service: string,
  ) {}

  get(path: string, timeoutMs = 30_000): Promise<unknown> {
    return this.call('GET', path, undefined, timeoutMs);
  }

  post(path: string, body: unknown): Promise<unknown> {
    return this.call('POST', path, body, 30_000);
  }

  delete(path: string): Promise<unknown> {
    return this.call('DELETE', path, undefined, 30_000);
  }

  private async call(method: string, path: string, body: unknown, timeoutMs: number): Promise<unknown> {
    const response = await fetch(`${this.baseUrl}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${this.token}`,
        accept: 'application/json',
        // Approvals records by which way a vote came.
        'user-agent': 'countersign-cli',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(timeoutMs),
    }).catch((error: unknown) => {
      throw new CommandError(
        `${this.service} does not answer at ${this.baseUrl} (${causeOf(error)}): is it running? countersign doctor says more`,
      );
    });
    const text = await response.text();
    if (!response.ok) throw new CommandError(refusal(this.service, response.status, text));
    return text === '' ? undefined : parse(this.service, text);
  }
}

function parse(service: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new CommandError(`${service} answered with something that is not JSON: is the address right?`);
  }
}

/** The title and detail of application/problem+json (RFC 9457), on one line. */
function refusal(service: string, status: number, text: string): string {
  try {
    const { title, detail } = JSON.parse(text) as { title?: unknown; detail?: unknown };
    const parts = [title, detail].filter((part) => typeof part === 'string' && part !== '');
    if (parts.length > 0) return parts.join(': ').replaceAll(/\s+/g, ' ');
  } catch {
    // Not a problem document; the status says what there is to say.
  }
  return `${service} answered with status ${status}`;
}

const causeOf = (error: unknown): string => {
  const cause = error instanceof Error ? error.cause : undefined;
  const code = (cause as { code?: unknown } | undefined)?.code;
  return typeof code === 'string' ? code : messageOf(error);
};
