import { BytesWriter } from '#libs/kernel/bytes-writer.js';
import { sha256 } from '#libs/kernel/hash.js';
import { uuidToBytes } from '#libs/kernel/uuid.js';
import { BOUND_SETTINGS, type Binding, type BoundObject, type BoundStatement } from './binding.js';

/** Separates this digest from every other use of SHA-256. A new layout gets a new name. */
export const APPROVAL_DIGEST_DOMAIN = 'countersign.approval-digest.v1';

const PROTOCOLS = { simple: 1, extended: 2, 'function-call': 3 } as const;
const OBJECT_CLASSES = { relation: 1, function: 2, type: 3 } as const;
const IDENTITY_KINDS = { human: 1, service: 2, agent: 3 } as const;

/**
 * The bytes an approval stands for: domain-separated, length-prefixed, big-endian; the layout is a
 * table in docs/formats/approval-digest.md. Groups are left out: eligibility is judged at each vote.
 */
export function encodeBinding(binding: Binding): Buffer {
  const writer = new BytesWriter();
  writer
    .text16(APPROVAL_DIGEST_DOMAIN)
    .text16(binding.tenant)
    .fixed(uuidToBytes(binding.gatewayId), 16)
    .text16(binding.target.name)
    .text16(binding.target.kind)
    .text16(binding.target.environment)
    .text16(binding.target.database)
    .text16(binding.requester.name)
    .u8(IDENTITY_KINDS[binding.requester.kind])
    .text16(binding.requester.issuer)
    .text16(binding.requester.subject)
    .optional(binding.requester.onBehalfOf, (owner) => writer.text16(owner))
    .optional(binding.sessionId, (sessionId) => writer.fixed(uuidToBytes(sessionId), 16))
    .u8(PROTOCOLS[binding.protocol])
    .list(binding.statements, (statement) => writeStatement(writer, statement))
    .list([...binding.objects].sort(compareObjects), (object) => writeObject(writer, object));
  for (const setting of BOUND_SETTINGS)
    writer.optional(binding.settings[setting], (value) => writer.text32(value));
  return writer
    .u8(binding.insideTransaction ? 1 : 0)
    .list(binding.unpinned, (text) => writer.text32(text))
    .bytes();
}

/** SHA-256 of the encoding: 32 bytes. */
export const approvalDigest = (binding: Binding): Buffer => sha256(encodeBinding(binding));

function writeStatement(writer: BytesWriter, statement: BoundStatement): void {
  writer
    .bytes32(decode(statement.text))
    .list(statement.standsFor, (text) => writer.bytes32(decode(text)))
    .list(statement.parameterTypes, (oid) => writer.u32(oid))
    .list(statement.parameterFormats, (format) => writer.u16(format))
    .list(statement.parameters, (value) => writer.optional(value, (bytes) => writer.bytes32(decode(bytes))))
    .list(statement.resultFormats, (format) => writer.u16(format))
    .u32(statement.maxRows);
}

function writeObject(writer: BytesWriter, object: BoundObject): void {
  writer
    .u8(OBJECT_CLASSES[object.class])
    .u32(object.oid)
    .text32(object.name)
    .fixed(Buffer.from(object.definitionSha256, 'hex'), 32);
}

/** The order of objects carries no meaning, so it must not change the digest. */
const compareObjects = (a: BoundObject, b: BoundObject): number =>
  OBJECT_CLASSES[a.class] - OBJECT_CLASSES[b.class] ||
  a.oid - b.oid ||
  Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)) ||
  Buffer.compare(Buffer.from(a.definitionSha256), Buffer.from(b.definitionSha256));

const decode = (base64: string): Buffer => Buffer.from(base64, 'base64');
