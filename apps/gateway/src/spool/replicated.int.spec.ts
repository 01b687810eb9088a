import { eventually } from '#libs/testing/eventually.js';
import { openSpool } from './open-spool.js';
import { Drafts, optionsFor, RememberingLog, temporaryFolder } from './temporary-spool.js';

let place: Awaited<ReturnType<typeof temporaryFolder>>;
beforeEach(async () => {
  place = await temporaryFolder();
});
afterEach(() => place.dispose());

describe('an append that waits for the event log', () => {
  it('calls back only when the log has acknowledged it, while others call back from the disk', async () => {
    const log = new RememberingLog();
    log.away = true;
    const { spool } = await openSpool(optionsFor(place.folder, log));
    const drafts = new Drafts(spool);
    const order: string[] = [];
    const intent = drafts.intent('allow');
    spool.append([intent], () => order.push('log'), 'log');
    spool.append([drafts.intent('allow')], () => order.push('disk'));
    await eventually(() => expect(order).toEqual(['disk']));
    log.away = false;
    await eventually(() => expect(order).toEqual(['disk', 'log']));
    expect(log.events().map((event) => event.id)).toContain(intent.event.id);
    await spool.close(1_000);
  });

  it('fails with NOT_REPLICATED when that takes too long, in the order of the calls', async () => {
    const log = new RememberingLog();
    log.away = true;
    const { spool } = await openSpool(optionsFor(place.folder, log, { replicationLimitMs: 150 }));
    const drafts = new Drafts(spool);
    const codes: string[] = [];
    for (const name of ['a', 'b'])
      spool.append([drafts.intent('allow')], (error) => codes.push(`${name} ${error?.code}`), 'log');
    await eventually(() => expect(codes).toEqual(['a NOT_REPLICATED', 'b NOT_REPLICATED']));
    await spool.close(0);
  });

  it('fails when the gateway stops first', async () => {
    const log = new RememberingLog();
    log.away = true;
    const { spool } = await openSpool(optionsFor(place.folder, log));
    const drafts = new Drafts(spool);
    const outcome = new Promise((resolve) =>
      spool.append([drafts.intent('allow')], (error) => resolve(error?.code), 'log'),
    );
    await spool.close(50);
    expect(await outcome).toBe('SPOOL_CLOSED');
  });
});
