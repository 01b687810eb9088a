import type { EventOf } from '#libs/contracts/events/registry.js';
import { eventually } from '#libs/testing/eventually.js';
import { Scenario } from '../testing/scenario.js';

let scenario: Scenario;
beforeAll(async () => {
  scenario = await Scenario.start();
}, 60_000);
afterAll(() => scenario?.dispose(), 60_000);

const progressOf = async (requestId: string): Promise<EventOf<'hold.progressed'>[]> =>
  (await scenario.eventsOf('decisions', requestId)).filter((event) => event.type === 'hold.progressed');

describe('the gateway of a held statement', () => {
  it('hears of signatures and comments until the request is decided, and not of the last signature', async () => {
    const { requestId } = await scenario.held({ sql: 'GRANT SELECT ON customers TO app', rule: 'two-dba' });
    const comment = (as: string, text: string) =>
      scenario.service.call(as, 'POST', `/v1/requests/${requestId}/comments`, { text });
    expect((await comment('bob', 'is it on the list?')).status).toBeLessThan(300);
    expect((await comment('alice', 'yes')).status).toBeLessThan(300);
    await scenario.service.vote('bob', requestId, 'approve');
    await eventually(async () => expect(await progressOf(requestId)).toHaveLength(2));
    await scenario.service.vote('dana', requestId, 'approve');
    await scenario.decisionOf(requestId);
    expect(await progressOf(requestId)).toMatchObject([
      { signed: 0, needed: 2, escalated: 0, comment: { by: 'bob', text: 'is it on the list?' } },
      { signed: 1, needed: 2, escalated: 0 },
    ]);
  });
});
