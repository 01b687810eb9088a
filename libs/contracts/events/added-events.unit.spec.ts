import { encodeEvent } from '../envelope.js';
import { parseEvent, topicOf, type EventType } from './registry.js';

const ENVELOPE = '"id":"0198c5a0-0000-7000-8000-000000000001"';
const REST =
  '"schemaVersion":1,"time":"2026-11-21T10:00:00.000Z","tenant":"default","producer":"0198c5a0-0000-7000-8000-000000000002","producerSeq":7';
const BOB =
  '"identity":{"name":"bob","kind":"human","issuer":"https://idp.example","subject":"b-1","groups":["dba"]}';

/** Golden bytes: what stands in ledgers is read for ever. */
const GOLDEN: readonly [EventType, string, string][] = [
  [
    'slack-account.linked',
    'approvals',
    `{${ENVELOPE},"type":"slack-account.linked",${REST},${BOB},"team":"T0SAMPLE","slackUser":"U0BOB","slackName":"Bob"}`,
  ],
  [
    'slack-account.unlinked',
    'approvals',
    `{${ENVELOPE},"type":"slack-account.unlinked",${REST},${BOB},"team":"T0SAMPLE","slackUser":"U0BOB"}`,
  ],
  [
    'review.part-recorded',
    'requests',
    `{${ENVELOPE},"type":"review.part-recorded",${REST},"requestId":"0198c5a0-0000-7000-8000-000000000003","gatewayId":"0198c5a0-0000-7000-8000-000000000004","intentId":"0198c5a0-0000-7000-8000-000000000005","sha256":"${'ab'.repeat(32)}","index":0,"count":2,"text":"[{\\"text\\":\\""}`,
  ],
];

describe('events that were added', () => {
  it.each(GOLDEN)('%s is read from its bytes on topic %s, and written as them', (type, topic, golden) => {
    const parsed = parseEvent(Buffer.from(golden));
    expect(parsed).toMatchObject({ ok: true, event: { type } });
    expect(parsed.ok ? encodeEvent(parsed.event).toString() : '').toBe(golden);
    expect(topicOf(type)).toBe(topic);
  });

  it('hold nothing that is not text in their parts', () => {
    const [, , golden] = GOLDEN[2] as (typeof GOLDEN)[number];
    for (const bad of ['\\u0000', '\\n', 'ü'])
      expect(parseEvent(Buffer.from(golden.replace('[{', bad)))).toMatchObject({ ok: false });
  });
});
