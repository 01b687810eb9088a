import { newId } from '#libs/kernel/uuid.js';
import { INTENT, OUTCOME } from '#libs/ledger/changes-register.js';
import { ChangesSieve } from './changes-sieve.js';

const intent = (eventId: string, category: unknown, effect: unknown = 'allow') => ({
  seq: 0n,
  eventId,
  type: INTENT,
  content: { statement: { category }, verdict: { effect } },
});
const outcome = (intentId: unknown) => ({ seq: 0n, eventId: newId(), type: OUTCOME, content: { intentId } });
const other = (type: string) => ({ seq: 0n, eventId: newId(), type, content: { category: 'write' } });

describe('the sieve of the register of changes', () => {
  it('holds back a plain read and its outcome', () => {
    const sieve = new ChangesSieve();
    const id = newId();
    expect([intent(id, 'read'), outcome(id)].map((entry) => sieve.concerns(entry))).toEqual([false, false]);
  });

  it.each([
    ['a write', 'write', 'allow'],
    ['a read that somebody had to review', 'read', 'review'],
    ['an intent without a clear category', 7, 'allow'],
    ['an intent without a clear effect', 'read', null],
  ])('lets %s through, with its outcome', (_, category, effect) => {
    const sieve = new ChangesSieve();
    const id = newId();
    expect([intent(id, category, effect), outcome(id)].map((entry) => sieve.concerns(entry))).toEqual([
      true,
      true,
    ]);
  });

  it('lets through an outcome whose intent it has not seen, a second outcome, and one that names nothing', () => {
    const sieve = new ChangesSieve();
    const id = newId();
    sieve.concerns(intent(id, 'read'));
    sieve.concerns(outcome(id));
    expect([outcome(newId()), outcome(id), outcome(5)].map((entry) => sieve.concerns(entry))).toEqual([
      true,
      true,
      true,
    ]);
  });

  it('lets through what decides and what cannot be read, and nothing else', () => {
    const sieve = new ChangesSieve();
    const types = [
      'request.granted',
      'request.revoked',
      'poison.sealed',
      'duplicate.sealed',
      'session.closed',
    ];
    expect(types.map((type) => sieve.concerns(other(type)))).toEqual([true, true, true, false, false]);
  });

  it.each([undefined, null, 'text', [], { statement: null, verdict: null }])(
    'lets an intent through whose content is %j',
    (content) => {
      expect(new ChangesSieve().concerns({ ...intent(newId(), 'read'), content })).toBe(true);
    },
  );

  it('forgets the oldest of very many statements that have no outcome yet', () => {
    const sieve = new ChangesSieve();
    const ids = Array.from({ length: 20_001 }, newId);
    for (const id of ids) sieve.concerns(intent(id, 'read'));
    expect(sieve.concerns(outcome(ids[0]))).toBe(true);
    expect(sieve.concerns(outcome(ids[1]))).toBe(false);
  });
});
