import type { Envelope } from '#libs/contracts/envelope.js';
import { identityKinds, type Identity } from '#libs/contracts/identity.js';
import { isUuid } from '#libs/kernel/uuid.js';

/**
 * Whether a value is an envelope, at a tenth of the schema's cost: sealing reads every event once and
 * needs a yes or no. True only for what envelopeSchema takes; what is false here is judged by the schema
 * itself, which also says why (is-envelope.unit.spec.ts holds the two together).
 */
export function isEnvelope(value: unknown): value is Envelope {
  if (!isObject(value)) return false;
  return (
    isId(value['id']) &&
    matches(value['type'], TYPE) &&
    isInteger(value['schemaVersion'], 1) &&
    matches(value['time'], TIME) &&
    isText(value['tenant'], 64) &&
    isId(value['producer']) &&
    isInteger(value['producerSeq'], 0) &&
    isOptional(value, 'requestId', isId) &&
    isOptional(value, 'sessionId', isId) &&
    isOptional(value, 'causationId', isId) &&
    isOptional(value, 'identity', isIdentity)
  );
}

const TYPE = /^[a-z-]+\.[a-z-]+$/;
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$/;

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isId = (value: unknown): boolean => typeof value === 'string' && value.length === 36 && isUuid(value);
const matches = (value: unknown, pattern: RegExp): boolean =>
  typeof value === 'string' && pattern.test(value);
const isInteger = (value: unknown, least: number): boolean =>
  Number.isSafeInteger(value) && (value as number) >= least;
const isText = (value: unknown, most: number): boolean =>
  typeof value === 'string' && value.length >= 1 && value.length <= most;
const isOptional = (fields: Fields, name: string, check: (value: unknown) => boolean): boolean =>
  fields[name] === undefined || check(fields[name]);

const KINDS: ReadonlySet<unknown> = new Set(identityKinds);

const isIdentity = (value: unknown): value is Identity =>
  isObject(value) &&
  isText(value['name'], 128) &&
  KINDS.has(value['kind']) &&
  isText(value['issuer'], 512) &&
  isText(value['subject'], 256) &&
  Array.isArray(value['groups']) &&
  value['groups'].length <= 200 &&
  value['groups'].every((group) => isText(group, 256)) &&
  isOptional(value, 'onBehalfOf', (owner) => isText(owner, 128));
