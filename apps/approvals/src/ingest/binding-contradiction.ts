import type { EventOf } from '#libs/contracts/events/registry.js';
import type { Identity } from '#libs/contracts/identity.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import { shownText } from '../request/read/shown-text.js';

/**
 * Where a review contradicts itself: what it says about the statement, the target or the requester is
 * not what its binding, which is what will be approved, holds. undefined when all agrees.
 */
export function bindingContradiction(event: EventOf<'review.asked'>): string | undefined {
  const { binding, statement, verdict } = event;
  if (binding.tenant !== event.tenant) return 'the binding is of another tenant';
  if (binding.gatewayId !== event.gatewayId) return 'the binding is of another gateway';
  if (event.wait === 'retry' && binding.sessionId !== undefined)
    return 'a statement that is sent again is not bound to a session';
  if (event.wait !== 'retry' && (binding.sessionId === undefined || binding.sessionId !== event.sessionId))
    return 'the binding is of another session';
  if (event.identity === undefined || !sameIdentity(event.identity, binding.requester))
    return 'the binding is of another requester';
  if (binding.insideTransaction !== event.insideTransaction)
    return 'the binding disagrees about the transaction';
  if (verdict.effect !== 'review') return 'the verdict is not review';
  if (!isStorable(binding.requester.name)) return "the requester's name holds characters that are not text";
  const bound = Buffer.concat(binding.statements.map(({ text }) => Buffer.from(text, 'base64')));
  return statement.credentialsReplaced === undefined
    ? textContradiction(statement, bound)
    : sealedTextContradiction(statement, statement.credentialsReplaced, bound);
}

type Shown = EventOf<'review.asked'>['statement'];

function textContradiction(statement: Shown, bound: Buffer): string | undefined {
  if (statement.sha256 !== sha256Hex(bound)) return 'the SHA-256 is not that of the bytes to be approved';
  if (statement.bytes !== bound.length) return 'the length is not that of the bytes to be approved';
  if (statement.text !== undefined && statement.text !== shownText(bound))
    return 'the text is not that of the bytes to be approved';
  return undefined;
}

/** A credential in what is bound (the whole of a SHA-256) and in what is shown (its first 16 digits). */
const SEALED = /'<credential:[0-9a-f]{64}>'/g;
const SHOWN = /'<credential:[0-9a-f]{16}>'/g;

/** Where credentials are sealed the two texts agree in all but the commitments, one for each of them. */
function sealedTextContradiction(statement: Shown, replaced: number, bound: Buffer): string | undefined {
  const sealed = shownText(bound);
  if ((sealed.match(SEALED) ?? []).length !== replaced)
    return 'not every credential is sealed in what is to be approved';
  if (statement.text === undefined) return undefined;
  return sealed.replace(SEALED, "'<credential>'") === statement.text.replace(SHOWN, "'<credential>'")
    ? undefined
    : 'the text is not that of the bytes to be approved';
}

const sameIdentity = (a: Identity, b: Identity): boolean =>
  a.name === b.name &&
  a.kind === b.kind &&
  a.issuer === b.issuer &&
  a.subject === b.subject &&
  a.onBehalfOf === b.onBehalfOf;

/** PostgreSQL's text holds neither NUL nor half a surrogate pair. */
const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed();
