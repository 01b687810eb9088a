import { cString, int32, writeFrame } from './frame-writer.js';
import { Backend } from './message-types.js';

/** The newest minor version spoken here, and the protocol options (`_pq_.…`) not known here. */
export const writeNegotiateProtocolVersion = (minor: number, unknownOptions: readonly string[]): Buffer =>
  writeFrame(
    Backend.NegotiateProtocolVersion,
    int32((3 << 16) | minor),
    int32(unknownOptions.length),
    ...unknownOptions.map(cString),
  );
