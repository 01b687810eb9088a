import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { CodedError } from '#libs/kernel/coded-error.js';
import { SYNC } from '#libs/pg-wire/bodyless-messages.js';
import { writeQuery } from '#libs/pg-wire/query-message.js';
import type { DraftEvent } from '../spool/spool.js';
import { startRun } from './run.js';
import { SessionState } from './session-state.js';
import { SlotKind, slotFor, type Slot } from './slot.js';
import { ToClient } from './to-client.js';
import { ToTarget } from './to-target.js';

type Durable = (error?: CodedError) => void;

const draft = { topic: 'statements', key: 'k', signed: false, event: {} } as unknown as DraftEvent;
const read = writeQuery('SELECT 1');
const write = writeQuery('DELETE FROM everything');

/** A disk and a target whose answers the test gives when it likes, and everything between. */
function set() {
  const disk: Durable[] = [];
  const target: Buffer[] = [];
  let paused = 0;
  const state = new SessionState(new Map());
  const socket = new PassThrough({ highWaterMark: 1 << 24 });
  const toClient = new ToClient(socket as unknown as Socket, () => (paused += 1));
  const toTarget: ToTarget = new ToTarget(
    { append: (_drafts, durable) => void disk.push(durable) },
    state,
    (bytes) => target.push(bytes),
    (bytes) => toClient.send(bytes),
    () => toClient.flush(),
    undefined,
    {
      close: () => toClient.close(),
      open: () => void toClient.open(),
      discard: () => toClient.discard(),
    },
  );
  const send = (bytes: Buffer, overlaps: boolean, kind: Slot['kind'] = SlotKind.Query): Slot => {
    const slot = slotFor(kind, { run: startRun('intent', 0), recorded: true });
    toTarget.recordOne(draft);
    toTarget.send(bytes, slot, overlaps);
    return slot;
  };
  /** The target answers the oldest statement. */
  const answer = (bytes: string): void => {
    toClient.send(Buffer.from(bytes));
    toClient.flush();
    state.slots.shift();
    toTarget.answered();
  };
  return {
    disk,
    state,
    toTarget,
    toClient,
    send,
    answer,
    target: () => Buffer.concat(target).toString(),
    client: () => ((socket.read() as Buffer | null) ?? '').toString(),
    paused: () => paused,
  };
}

describe('with recording: overlapped', () => {
  it('a proven read is with the target at once, and its answer with the client once it is recorded', () => {
    const { disk, toTarget, send, answer, target, client } = set();
    send(read, true);
    toTarget.commit();
    expect(target()).toBe(read.toString());
    answer('rows');
    expect(client()).toBe('');
    disk[0]?.();
    expect(client()).toBe('rows');
    expect(target()).toBe(read.toString());
  });

  it('an answer that comes after the record goes straight on', () => {
    const { disk, toTarget, send, answer, client } = set();
    send(read, true);
    toTarget.commit();
    disk[0]?.();
    answer('rows');
    expect(client()).toBe('rows');
  });

  it.each(['before', 'after'])('one that cannot be recorded gives an error, its answer come %s', (when) => {
    const { disk, toTarget, send, answer, client } = set();
    const slot = send(read, true);
    toTarget.commit();
    if (when === 'before') answer('rows');
    disk[0]?.(new CodedError('SPOOL_FULL', 'full'));
    if (when === 'after') {
      expect(client()).toBe('');
      answer('rows');
    }
    const told = client();
    expect(told).toContain('53100');
    expect(told).not.toContain('rows');
    expect(told.endsWith('I')).toBe(true);
    expect(slot.run?.recorded).toBe(false);
    // And the session goes on.
    send(read, true);
    toTarget.commit();
    disk[1]?.();
    answer('more rows');
    expect(client()).toBe('more rows');
  });

  it('each series of a pipeline gets its error', () => {
    const { disk, toTarget, send, state, client } = set();
    for (let series = 0; series < 2; series += 1) {
      send(Buffer.from('execute'), true, SlotKind.Execute);
      toTarget.send(SYNC, slotFor(SlotKind.Sync), true);
    }
    toTarget.commit();
    disk[0]?.(new CodedError('SPOOL_BROKEN', 'broken'));
    while (state.slots.shift() !== undefined);
    toTarget.answered();
    expect(client().match(/58030/g)).toHaveLength(2);
  });

  it.each<[string, (given: ReturnType<typeof set>) => void]>([
    ['is not proven', ({ send }) => void send(write, false)],
    [
      'comes with one that is not',
      ({ send }) => {
        send(read, true);
        send(write, false);
      },
    ],
    [
      'is in a transaction',
      ({ send, state }) => {
        state.status = 'T';
        send(read, true);
      },
    ],
    [
      'comes behind a BEGIN',
      ({ send, state }) => {
        state.began = true;
        send(read, true);
      },
    ],
    [
      'is in a series that is open',
      ({ send, state }) => {
        state.seriesOpen = true;
        send(read, true);
      },
    ],
    ['has no end yet', ({ send }) => void send(Buffer.from('execute'), true, SlotKind.Execute)],
    [
      'comes while another is under way',
      ({ send, state }) => {
        state.slots.push(slotFor(SlotKind.Query));
        send(read, true);
      },
    ],
  ])('what %s waits for its record', (_, given) => {
    const all = set();
    given(all);
    all.toTarget.commit();
    expect(all.target()).toBe('');
    all.disk[0]?.();
    expect(all.target()).not.toBe('');
  });

  it('a second one waits for the first, and so does a write', () => {
    const { disk, toTarget, send, answer, target } = set();
    send(read, true);
    toTarget.commit();
    answer('rows');
    send(read, true);
    toTarget.commit();
    send(write, false);
    toTarget.commit();
    expect(target()).toBe(read.toString());
    disk[1]?.();
    disk[2]?.();
    expect(target()).toBe(read.toString());
    disk[0]?.();
    expect(target()).toBe(`${read.toString()}${read.toString()}${write.toString()}`);
  });

  it('what is kept is bounded: the target is not read on', () => {
    const { disk, toTarget, toClient, send, client, paused } = set();
    send(read, true);
    toTarget.commit();
    for (let piece = 0; piece < 8; piece += 1) toClient.send(Buffer.alloc(131_072));
    expect(paused()).toBe(0);
    toClient.send(Buffer.alloc(131_072));
    expect(paused()).toBe(1);
    disk[0]?.();
    expect(client()).toHaveLength(9 * 131_072);
  });
});
