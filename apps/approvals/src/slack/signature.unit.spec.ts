import { createHmac } from 'node:crypto';
import bolt from '@slack/bolt';
import { checkSignature } from './signature.js';

const NOW = Date.parse('2026-05-04T10:00:00Z');
const SECRET = 'only-a-test';
const body = Buffer.from('payload=%7B%7D');

const signed = (seconds: number, secret = SECRET, over: Uint8Array = body) => {
  const timestamp = String(NOW / 1000 + seconds);
  const signature = createHmac('sha256', secret).update(`v0:${timestamp}:`).update(over).digest('hex');
  return { timestamp, signature: `v0=${signature}`, body };
};

describe('checkSignature', () => {
  it.each([0, -299, -300, 59, 60])('takes a request signed %d s from now', (seconds) => {
    expect(checkSignature(signed(seconds), SECRET, NOW).ok).toBe(true);
  });

  it.each([
    ['late', signed(-301)],
    ['late', signed(-86_400)],
    ['future', signed(61)],
    ['future', signed(86_400 * 365)],
    ['forged', signed(0, 'another secret')],
    ['forged', signed(0, SECRET, Buffer.from('another body'))],
    ['forged', { ...signed(0), timestamp: String(NOW / 1000 - 1) }],
    ['unsigned', { ...signed(0), signature: undefined }],
    ['unsigned', { ...signed(0), timestamp: undefined }],
    ['unsigned', { ...signed(0), signature: 'v0=' }],
    ['unsigned', { ...signed(0), signature: signed(0).signature.replace('v0', 'v1') }],
    ['unsigned', { ...signed(0), timestamp: `${NOW / 1000}.5` }],
    ['unsigned', { ...signed(0), timestamp: `-${NOW / 1000}` }],
  ])('refuses as %s', (why, request) => {
    expect(checkSignature(request, SECRET, NOW)).toEqual({ ok: false, why });
  });

  it("agrees with the check of Slack's own library", () => {
    const { timestamp, signature } = signed(-5);
    const check = (given: string): void =>
      bolt.verifySlackRequest({
        signingSecret: SECRET,
        body: body.toString(),
        headers: { 'x-slack-signature': given, 'x-slack-request-timestamp': Number(timestamp) },
        nowMilliseconds: NOW,
      });
    expect(() => check(signature)).not.toThrow();
    expect(() => check(signature.replace(/.$/, (last) => (last === '0' ? '1' : '0')))).toThrow();
  });
});
