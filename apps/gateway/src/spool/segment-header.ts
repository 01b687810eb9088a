import { crc32 } from 'node:zlib';
import { bytesToUuid, uuidToBytes } from '#libs/kernel/uuid.js';
import { FORMAT_VERSION, SEGMENT_HEADER_BYTES, SEGMENT_MAGIC } from './spool-layout.js';

/** What every segment says of itself and of the spool it belongs to. */
export interface SegmentHeader {
  readonly segment: number;
  /** The life of this spool: made with its first segment, carried into every later one. */
  readonly producer: string;
  readonly tenant: string;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

const CRC_AT = SEGMENT_HEADER_BYTES - 4;

export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const tenant = Buffer.from(header.tenant, 'utf8');
  if (tenant.length > 1024) throw new RangeError('the tenant is longer than 1024 bytes');
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(bytes, 0);
  bytes.writeUInt32BE(FORMAT_VERSION, 8);
  bytes.writeUInt32BE(header.segment, 12);
  uuidToBytes(header.producer).copy(bytes, 16);
  bytes.writeBigUInt64BE(BigInt(header.createdAt), 32);
  bytes.writeUInt16BE(tenant.length, 40);
  tenant.copy(bytes, 42);
  bytes.writeUInt32BE(crc32(bytes.subarray(0, CRC_AT)), CRC_AT);
  return bytes;
}

/** The header of a segment's bytes, or what is wrong with it in a few words. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | string {
  if (bytes.length < SEGMENT_HEADER_BYTES) return 'is shorter than a segment header';
  if (!bytes.subarray(0, 8).equals(SEGMENT_MAGIC)) return 'is no segment of a spool';
  const version = bytes.readUInt32BE(8);
  if (version !== FORMAT_VERSION)
    return `has format version ${version}, this program reads ${FORMAT_VERSION}`;
  if (crc32(bytes.subarray(0, CRC_AT)) !== bytes.readUInt32BE(CRC_AT))
    return 'has a header with a wrong checksum';
  const tenantEnd = 42 + bytes.readUInt16BE(40);
  if (tenantEnd > CRC_AT) return 'has a header with a wrong length';
  return {
    segment: bytes.readUInt32BE(12),
    producer: bytesToUuid(bytes.subarray(16, 32)),
    tenant: bytes.subarray(42, tenantEnd).toString('utf8'),
    createdAt: Number(bytes.readBigUInt64BE(32)),
  };
}
