/**
 * Builds a length-prefixed, big-endian encoding. Every format that is hashed or signed is written
 * with it, so that two different values can never share bytes. Grows as needed; `bytes()` copies out.
 */
export class BytesWriter {
  private buffer = Buffer.allocUnsafe(512);
  private length = 0;

  u8(value: number): this {
    this.reserve(1);
    this.length = this.buffer.writeUInt8(value, this.length);
    return this;
  }

  u16(value: number): this {
    this.reserve(2);
    this.length = this.buffer.writeUInt16BE(value, this.length);
    return this;
  }

  u32(value: number): this {
    this.reserve(4);
    this.length = this.buffer.writeUInt32BE(value, this.length);
    return this;
  }

  u64(value: bigint | number): this {
    this.reserve(8);
    this.length = this.buffer.writeBigUInt64BE(BigInt(value), this.length);
    return this;
  }

  /** Bytes of a width that the format fixes; no length prefix. */
  fixed(bytes: Uint8Array, width: number): this {
    if (bytes.length !== width) throw new RangeError(`expected ${width} bytes, got ${bytes.length}`);
    return this.raw(bytes);
  }

  /** u16 length, then the bytes. */
  bytes16(bytes: Uint8Array): this {
    return this.u16(bytes.length).raw(bytes);
  }

  /** u32 length, then the bytes. */
  bytes32(bytes: Uint8Array): this {
    return this.u32(bytes.length).raw(bytes);
  }

  /** u32 length in bytes, then the text in UTF-8. */
  text32(text: string): this {
    return this.bytes32(Buffer.from(text, 'utf8'));
  }

  /** u16 length in bytes, then the text in UTF-8. */
  text16(text: string): this {
    return this.bytes16(Buffer.from(text, 'utf8'));
  }

  /** One presence byte (0 or 1), then what `write` adds when the value is there. */
  optional<T>(value: T | null | undefined, write: (present: T) => void): this {
    if (value === null || value === undefined) return this.u8(0);
    this.u8(1);
    write(value);
    return this;
  }

  /** u32 count, then each element as `write` adds it. */
  list<T>(values: readonly T[], write: (value: T) => void): this {
    this.u32(values.length);
    for (const value of values) write(value);
    return this;
  }

  bytes(): Buffer {
    return Buffer.from(this.buffer.subarray(0, this.length));
  }

  private raw(bytes: Uint8Array): this {
    this.reserve(bytes.length);
    this.buffer.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  private reserve(more: number): void {
    const needed = this.length + more;
    if (needed <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2));
    this.buffer.copy(larger, 0, 0, this.length);
    this.buffer = larger;
  }
}
