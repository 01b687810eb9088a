/** Calls a minute, and how many may come at once (docs.slack.dev, Rate limits). */
const TIERS = { two: [20, 20], three: [50, 50], four: [100, 100], post: [60, 3] } as const;

const TIER_OF: Readonly<Record<string, keyof typeof TIERS>> = {
  'chat.postMessage': 'post',
  'chat.update': 'three',
  'chat.postEphemeral': 'four',
  'chat.delete': 'three',
  'conversations.history': 'three',
  'conversations.replies': 'three',
  'conversations.info': 'three',
  'users.info': 'four',
  'views.open': 'four',
  'files.getUploadURLExternal': 'four',
  'files.completeUploadExternal': 'four',
};

/** Token buckets, one for each method, and for posting one for each channel. */
export class RateLimits {
  private readonly buckets = new Map<string, { tokens: number; at: number }>();

  /** `scale` allows that many times more. */
  constructor(private readonly scale: number) {}

  /** Seconds to wait as Retry-After gives them; 0: the call is allowed. `now` in ms. */
  take(method: string, channel: string, now: number): number {
    const tier = TIER_OF[method];
    if (tier === undefined) return 0;
    const [perMinute, burst] = TIERS[tier];
    const name = tier === 'post' ? `${method}/${channel}` : method;
    const rate = (perMinute * this.scale) / 60_000;
    const most = burst * this.scale;
    const bucket = this.buckets.get(name) ?? { tokens: most, at: now };
    bucket.tokens = Math.min(most, bucket.tokens + (now - bucket.at) * rate);
    bucket.at = now;
    this.buckets.set(name, bucket);
    if (bucket.tokens < 1) return Math.max(1, Math.ceil((1 - bucket.tokens) / rate / 1000));
    bucket.tokens -= 1;
    return 0;
  }
}
