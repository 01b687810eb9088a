import { readFile } from 'node:fs/promises';
import { z } from 'zod';
import { CodedError, messageOf } from '#libs/kernel/coded-error.js';
import type { TokenSource } from '../kafka-security-settings.js';

const ANSWER_WITHIN_MS = 10_000;
const MAX_ANSWER_BYTES = 256 * 1024;
/** A token is asked for again when it has less than this left, or a fifth of its life if that is less. */
const RENEW_BEFORE_MS = 60_000;
/** For an answer that does not say how long its token lives. */
const DEFAULT_LIFE_S = 300;

const answerSchema = z.object({
  access_token: z.string().min(1),
  expires_in: z.coerce.number().positive().optional(),
});

/**
 * Gives the token for a connection to a broker: the file as it reads now, or one from the token endpoint
 * (client credentials, RFC 6749 section 4.4), which is kept until shortly before it ends. Throws
 * OAUTH_TOKEN; the message holds no secret and nothing the endpoint said but its status and error code.
 */
export function oauthTokens(source: TokenSource, now: () => number = Date.now): () => Promise<string> {
  if (source.kind === 'file') return () => fromFile(source.file);
  let kept: Promise<{ token: string; renewAt: number }> | undefined;
  return async () => {
    const current = await kept?.catch(() => undefined);
    if (current !== undefined && now() < current.renewAt) return current.token;
    const asking = askEndpoint(source, now);
    kept = asking;
    return (await asking).token;
  };
}

async function fromFile(file: string): Promise<string> {
  try {
    const token = (await readFile(file, 'utf8')).trim();
    if (token === '') throw new Error('it is empty');
    return token;
  } catch (cause) {
    throw new CodedError('OAUTH_TOKEN', `KAFKA_OAUTH_TOKEN_FILE: ${file}: ${messageOf(cause)}`, { cause });
  }
}

async function askEndpoint(
  { endpoint, clientId, clientSecret, scope }: Extract<TokenSource, { kind: 'endpoint' }>,
  now: () => number,
): Promise<{ token: string; renewAt: number }> {
  const failed = (how: string): CodedError =>
    new CodedError('OAUTH_TOKEN', `KAFKA_OAUTH_TOKEN_ENDPOINT: ${endpoint} gave no token: ${how}`);
  const askedAt = now();
  let status: number;
  let body: string;
  try {
    const answer = await fetch(endpoint, {
      method: 'POST',
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
      headers: {
        // RFC 6749, section 2.3.1: each part is form-encoded before the Basic scheme joins them.
        authorization: `Basic ${Buffer.from(`${formEncoded(clientId)}:${formEncoded(clientSecret)}`).toString('base64')}`,
        accept: 'application/json',
      },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        ...(scope === undefined ? {} : { scope }),
      }),
    });
    status = answer.status;
    if (Number(answer.headers.get('content-length') ?? 0) > MAX_ANSWER_BYTES)
      throw new Error('its answer is too long');
    body = (await answer.text()).slice(0, MAX_ANSWER_BYTES);
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw failed(messageOf(cause));
  }
  if (status !== 200) throw failed(`status ${status}${errorCodeOf(body)}`);
  const parsed = answerSchema.safeParse(jsonOf(body));
  if (!parsed.success) throw failed('its answer holds no access_token');
  const lifeMs = (parsed.data.expires_in ?? DEFAULT_LIFE_S) * 1_000;
  return {
    token: parsed.data.access_token,
    renewAt: askedAt + lifeMs - Math.min(RENEW_BEFORE_MS, lifeMs / 5),
  };
}

const formEncoded = (text: string): string => new URLSearchParams({ v: text }).toString().slice(2);

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

/** RFC 6749, section 5.2: a code of printable ASCII such as invalid_client. */
function errorCodeOf(body: string): string {
  const code = (jsonOf(body) as { error?: unknown } | undefined)?.error;
  return typeof code === 'string' && /^[a-z_]{1,64}$/.test(code) ? ` (${code})` : '';
}
