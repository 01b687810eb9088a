import { FrameReader } from './frame-reader.js';

/** The columns of a DataRow; null is SQL NULL. */
export function readDataRow(frame: Buffer): (Buffer | null)[] {
  const reader = new FrameReader(frame);
  const count = reader.uint16();
  const columns: (Buffer | null)[] = [];
  for (let index = 0; index < count; index += 1) {
    const length = reader.int32();
    columns.push(length === -1 ? null : reader.bytes(length));
  }
  reader.end();
  return columns;
}
