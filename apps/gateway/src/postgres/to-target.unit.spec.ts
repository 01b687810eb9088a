import fc from 'fast-check';
import { CodedError } from '#libs/kernel/coded-error.js';
import { readErrorFields } from '#libs/pg-wire/error-response.js';
import { writeQuery } from '#libs/pg-wire/query-message.js';
import type { DraftEvent } from '../spool/spool.js';
import { startRun } from './run.js';
import { SessionState } from './session-state.js';
import { SlotKind, slotFor } from './slot.js';
import { ToTarget } from './to-target.js';

type Durable = (error?: CodedError) => void;

const draft = { topic: 'statements', key: 'k', signed: false, event: {} } as unknown as DraftEvent;
const query = writeQuery('DELETE FROM everything');

/** A disk whose answers the test gives, in the order it likes. */
function set() {
  const waiting: Durable[] = [];
  const target: Buffer[] = [];
  const client: Buffer[] = [];
  const state = new SessionState(new Map());
  const toTarget = new ToTarget(
    { append: (_drafts, durable) => void waiting.push(durable) },
    state,
    (bytes) => target.push(bytes),
    (bytes) => client.push(bytes),
    () => undefined,
  );
  const statement = (bytes: Buffer) => {
    const slot = slotFor(SlotKind.Query, { run: startRun('intent', 0), recorded: true });
    toTarget.recordOne(draft);
    toTarget.send(bytes, slot);
    toTarget.commit();
    return slot;
  };
  return { waiting, target: () => Buffer.concat(target).toString(), client, state, toTarget, statement };
}

describe('ToTarget', () => {
  it('sends nothing of a statement before its intent is durable', () => {
    const { waiting, target, statement } = set();
    statement(query);
    expect(target()).toBe('');
    waiting[0]?.();
    expect(target()).toBe(query.toString());
  });

  it('sends a burst byte for byte, whether its parts lie in one piece or not', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 300 }),
        fc.array(fc.record({ length: fc.nat(40), kept: fc.boolean() }), { minLength: 1, maxLength: 8 }),
        (bytes, cuts) => {
          const { target, toTarget } = set();
          const chunk = Buffer.from(bytes);
          const kept: Buffer[] = [];
          let at = 0;
          for (const cut of cuts) {
            const part = chunk.subarray(at, at + cut.length);
            at += cut.length;
            if (!cut.kept) continue;
            kept.push(part);
            toTarget.send(part);
          }
          toTarget.commit();
          expect(target()).toBe(Buffer.concat(kept).toString());
        },
      ),
    );
  });

  it('keeps the order, whichever record is durable first', () => {
    const { waiting, target, statement } = set();
    statement(writeQuery('first'));
    statement(writeQuery('second'));
    waiting[1]?.();
    expect(target()).toBe('');
    waiting[0]?.();
    expect(target().indexOf('first')).toBeLessThan(target().indexOf('second'));
  });

  it.each([
    ['SPOOL_FULL', '53100'],
    ['SPOOL_BROKEN', '58030'],
    ['SPOOL_CLOSED', '58030'],
    ['RECORD_TOO_LARGE', '54000'],
  ])('on %s sends no byte of the statement and answers with %s', (code, sqlstate) => {
    const { waiting, target, statement } = set();
    const slot = statement(query);
    waiting[0]?.(new CodedError(code, 'no'));
    expect(target()).not.toContain('DELETE');
    expect(target()).toContain('countersign_refused');
    expect(readErrorFields(slot.refusal as Buffer).get('C')).toBe(sqlstate);
    expect(slot.run?.recorded).toBe(false);
  });

  it('sends nothing any more once it is stopped', () => {
    const { waiting, target, statement, toTarget } = set();
    statement(query);
    toTarget.stop();
    waiting[0]?.();
    expect(target()).toBe('');
  });
});
