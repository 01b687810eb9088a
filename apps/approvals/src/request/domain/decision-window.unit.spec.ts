import type { DecisionWindow } from '#libs/contracts/events/request-events.js';
import { closesAt, isOpen, opensAt } from './decision-window.js';

const EVERY_DAY = [1, 2, 3, 4, 5, 6, 7];
const window = (from: string, to: string, timeZone = 'UTC', days = EVERY_DAY): DecisionWindow => ({
  days,
  from,
  to,
  timeZone,
});
const at = (iso: string): number => Date.parse(iso);
const HOUR = 3_600_000;

describe('a decision window', () => {
  it.each([
    ['before it begins', '2026-11-20T21:59:59Z', false],
    ['in its first minute', '2026-11-20T22:00:00Z', true],
    ['half an hour after midnight', '2026-11-21T00:30:00Z', true],
    ['in its last minute', '2026-11-21T05:59:59Z', true],
    ['when it ends', '2026-11-21T06:00:00Z', false],
  ])('from 22:00 to 06:00 is, %s, %s: %s', (_, iso, open) => {
    expect(isOpen([window('22:00', '06:00')], at(iso))).toBe(open);
  });

  it('belongs to the day on which it begins', () => {
    const friday = [window('22:00', '06:00', 'UTC', [5])];
    expect(isOpen(friday, at('2026-11-21T00:30:00Z'))).toBe(true);
    expect(isOpen(friday, at('2026-11-20T00:30:00Z'))).toBe(false);
    const sunday = [window('22:00', '06:00', 'UTC', [7])];
    expect(isOpen(sunday, at('2026-11-23T05:00:00Z'))).toBe(true);
  });

  it('is counted by the wall clock of its time zone', () => {
    const office = [window('09:00', '17:00', 'Europe/Zurich', [1, 2, 3, 4, 5])];
    expect(isOpen(office, at('2026-11-20T08:00:00Z'))).toBe(true);
    expect(isOpen(office, at('2026-07-20T07:00:00Z'))).toBe(true);
    expect(isOpen(office, at('2026-11-20T07:30:00Z'))).toBe(false);
    const auckland = [window('00:00', '06:00', 'Pacific/Auckland', [6])];
    expect(isOpen(auckland, at('2026-11-20T12:00:00Z'))).toBe(true);
  });

  it('loses the hour that daylight saving skips, and has twice the one that it repeats', () => {
    const skipped = [window('02:00', '03:00', 'Europe/Zurich')];
    const night = at('2026-03-29T00:00:00Z');
    const minutes = Array.from({ length: 6 * 60 }, (_, minute) => isOpen(skipped, night + minute * 60_000));
    expect(minutes.filter(Boolean)).toHaveLength(0);
    const repeated = at('2026-10-24T23:00:00Z');
    const twice = Array.from({ length: 6 * 60 }, (_, minute) => isOpen(skipped, repeated + minute * 60_000));
    expect(twice.filter(Boolean)).toHaveLength(120);
  });

  it('says when it opens next and when it closes', () => {
    const night = [window('22:00', '06:00')];
    expect(opensAt(night, at('2026-11-20T12:34:56Z'))).toBe(at('2026-11-20T22:00:00Z'));
    const inside = at('2026-11-21T05:30:10Z');
    expect(opensAt(night, inside)).toBe(inside);
    expect(closesAt(night, inside, inside + HOUR)).toBe(at('2026-11-21T06:00:00Z'));
    expect(closesAt(night, inside, inside + 60_000)).toBe(inside + 60_000);
    expect(closesAt(undefined, inside, inside + HOUR)).toBe(inside + HOUR);
  });

  it('whose ends are the same is open all day', () => {
    const sunday = [window('00:00', '00:00', 'UTC', [7])];
    expect(isOpen(sunday, at('2026-11-22T00:00:00Z'))).toBe(true);
    expect(isOpen(sunday, at('2026-11-22T23:59:00Z'))).toBe(true);
    expect(isOpen(sunday, at('2026-11-23T00:00:00Z'))).toBe(false);
  });
});
