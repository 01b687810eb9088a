import type { DecisionWindow } from '#libs/contracts/events/request-events.js';

const MINUTE_MS = 60_000;

/** No window is further away than a week; a day more for what daylight saving takes. */
const LONGEST_SEARCH_MS = 8 * 86_400_000;

const WEEKDAYS = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
const formats = new Map<string, Intl.DateTimeFormat>();

/**
 * Whether `now` (ms since 1970) lies in one of the windows, by the wall clock of each window's zone. A
 * window whose end is not after its beginning runs into the next day. An hour that daylight saving skips
 * is in no window; one that it repeats is in a window twice. No windows: always.
 */
export const isOpen = (windows: readonly DecisionWindow[] | undefined, now: number): boolean =>
  windows === undefined || windows.some((window) => contains(window, now));

/** When approvals are possible again, ms since 1970: `now` itself inside a window; undefined: never. */
export function opensAt(windows: readonly DecisionWindow[] | undefined, now: number): number | undefined {
  if (isOpen(windows, now)) return now;
  return firstMinute(now, LONGEST_SEARCH_MS, (at) => isOpen(windows, at));
}

/** When the window that `now` lies in ends, ms since 1970, but no later than `limit`. */
export function closesAt(windows: readonly DecisionWindow[] | undefined, now: number, limit: number): number {
  if (windows === undefined) return limit;
  return Math.min(limit, firstMinute(now, limit - now, (at) => !isOpen(windows, at)) ?? limit);
}

function firstMinute(now: number, within: number, holds: (at: number) => boolean): number | undefined {
  const start = Math.floor(now / MINUTE_MS) * MINUTE_MS;
  for (let at = start + MINUTE_MS; at <= now + within; at += MINUTE_MS) if (holds(at)) return at;
  return undefined;
}

function contains({ days, from, to, timeZone }: DecisionWindow, now: number): boolean {
  const { weekday, minutes } = wallClock(timeZone, now);
  const [start, end] = [minutesOf(from), minutesOf(to)];
  if (start < end) return days.includes(weekday) && minutes >= start && minutes < end;
  const yesterday = weekday === 1 ? 7 : weekday - 1;
  return (days.includes(weekday) && minutes >= start) || (days.includes(yesterday) && minutes < end);
}

const minutesOf = (time: string): number => Number(time.slice(0, 2)) * 60 + Number(time.slice(3));

function wallClock(timeZone: string, now: number): { weekday: number; minutes: number } {
  const parts = new Map(
    formatOf(timeZone)
      .formatToParts(now)
      .map(({ type, value }) => [type, value]),
  );
  return {
    weekday: WEEKDAYS.indexOf(parts.get('weekday') ?? '') + 1,
    minutes: Number(parts.get('hour')) * 60 + Number(parts.get('minute')),
  };
}

function formatOf(timeZone: string): Intl.DateTimeFormat {
  const known = formats.get(timeZone);
  if (known !== undefined) return known;
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    weekday: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  formats.set(timeZone, format);
  return format;
}
