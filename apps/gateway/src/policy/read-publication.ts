import { policyPublished, policyRejected } from '#libs/contracts/events/control-events.js';
import type { EventOf } from '#libs/contracts/events/registry.js';
import { verifyEvent, type TrustedKeys } from '#libs/contracts/event-signature.js';
import { messageOf } from '#libs/kernel/coded-error.js';
import type { Policy } from '#libs/policy/policy.js';

export type IgnoredReason = EventOf<'policy.ignored'>['reason'];

/** A policy that approvals published, with its place among the others. */
export interface Publication {
  readonly id: string;
  readonly producer: string;
  readonly producerSeq: number;
  /** Milliseconds since 1970, by approvals' clock. */
  readonly time: number;
  readonly text: string;
  readonly hash: string;
}

export type PublicationReading =
  | { readonly is: 'publication'; readonly publication: Publication }
  /** A signed event of another type: news for others. */
  | { readonly is: 'other' }
  | {
      readonly is: 'ignored';
      readonly reason: IgnoredReason;
      readonly detail: string;
      readonly publicationId?: string;
    };

/** Reads a record of the control topic: signature first, then only what was signed. */
export function readPublication(bytes: Buffer, trusted: TrustedKeys, tenant: string): PublicationReading {
  const signature = verifyEvent(bytes, trusted);
  if (!signature.ok)
    return { is: 'ignored', reason: signature.problem, detail: 'it is not signed by approvals' };
  let json: { type?: unknown };
  try {
    json = JSON.parse(signature.body.toString('utf8')) as { type?: unknown };
  } catch {
    return { is: 'ignored', reason: 'malformed', detail: 'not JSON' };
  }
  if (json.type === policyRejected.type) return { is: 'other' };
  const parsed = policyPublished.schema.safeParse(json);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    const detail = `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'not valid'}`;
    return { is: 'ignored', reason: 'malformed', detail };
  }
  const { id, producer, producerSeq, time, text, policyHash } = parsed.data;
  if (parsed.data.tenant !== tenant)
    return { is: 'ignored', reason: 'another-tenant', detail: parsed.data.tenant, publicationId: id };
  return {
    is: 'publication',
    publication: { id, producer, producerSeq, time: Date.parse(time), text, hash: policyHash },
  };
}

/**
 * Whether a publication comes after another one. A signature proves who wrote it, not when it was put
 * here: without this, an old policy put in again would be taken for a new one.
 */
export const isAfter = (publication: Publication, other: Publication): boolean =>
  publication.producer === other.producer
    ? publication.producerSeq > other.producerSeq
    : publication.time > other.time;

export type PolicyReading =
  { readonly ok: true; readonly policy: Policy } | { readonly ok: false; readonly problem: string };

/** The policy a publication holds, or why it is none. */
export function policyOf({ text, hash }: Publication, read: (text: string) => Policy): PolicyReading {
  try {
    const policy = read(text);
    return policy.hash === hash
      ? { ok: true, policy }
      : { ok: false, problem: `its text has the hash ${policy.hash}` };
  } catch (error) {
    return { ok: false, problem: messageOf(error).split('\n')[0] ?? 'it cannot be read' };
  }
}
