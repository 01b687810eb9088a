import { createPublicKey, type KeyObject } from 'node:crypto';
import { keyIdOf, signEvent } from '#libs/contracts/event-signature.js';
import { partitionOf } from '#libs/contracts/topics.js';
import { openEventLog } from '#libs/event-log/open-event-log.js';
import type { EventLogSettings } from '#libs/event-log/settings.js';
import { newId } from '#libs/kernel/uuid.js';
import { createLogger } from '#libs/observability/logger.js';

export interface ForgedDecision {
  readonly requestId: string;
  readonly gatewayId: string;
  /** SHA-256, hexadecimal, of what is to be approved. */
  readonly digest: string;
  /** Any key but approvals' own. */
  readonly privateKey: KeyObject;
  /** How long ago it was issued, ms; negative: in the future. */
  readonly ageMs?: number;
}

/** Appends a decision that says "granted" in bob's name, well formed in all but the key it is signed with. */
export async function appendForgedDecision(
  settings: EventLogSettings,
  { requestId, gatewayId, digest, privateKey, ageMs = 0 }: ForgedDecision,
): Promise<void> {
  const issuedAt = Date.now() - ageMs;
  const value = signEvent(
    {
      id: newId(),
      type: 'decision.issued',
      schemaVersion: 1,
      time: new Date().toISOString(),
      tenant: 'default',
      producer: newId(),
      producerSeq: 0,
      requestId,
      gatewayId,
      verdict: 'granted',
      digest,
      issuedAt: new Date(issuedAt).toISOString(),
      expiresAt: new Date(issuedAt + 60_000).toISOString(),
      decidedBy: ['bob'],
    } as Parameters<typeof signEvent>[0],
    { keyId: keyIdOf(createPublicKey(privateKey)), privateKey },
  );
  const log = await openEventLog(settings, {
    applicationName: 'forger',
    logger: createLogger('forger', 'silent'),
  });
  try {
    const producer = await log.producer();
    const partition = partitionOf('decisions', gatewayId);
    await producer.append([{ topic: 'decisions', partition, key: gatewayId, value }]);
    await producer.close(5_000);
  } finally {
    await log.close();
  }
}
