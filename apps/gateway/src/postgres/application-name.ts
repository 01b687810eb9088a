/** PostgreSQL cuts names at NAMEDATALEN - 1 bytes. */
const MAX_BYTES = 63;

/**
 * The application_name a session has at the target: the client's own, cut to fit, then ` cs:<session id>`,
 * so that the target's logs and pg_stat_activity name the session.
 */
export function targetApplicationName(clientName: string, sessionId: string): string {
  const suffix = ` cs:${sessionId}`;
  const room = MAX_BYTES - suffix.length;
  const bytes = Buffer.from(clientName, 'utf8');
  if (bytes.length <= room) return clientName + suffix;
  let end = room;
  // Not inside a character: continuation bytes are 10xxxxxx.
  while (end > 0 && ((bytes[end] as number) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end) + suffix;
}
