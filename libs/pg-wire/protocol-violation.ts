/** The peer sent what the protocol does not allow: the connection cannot go on. */
export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation';
}
