import { buttonsOf } from '#libs/testing/slack-emulator/workspace.js';
import { eventually } from '#libs/testing/eventually.js';
import { SlackScenario, slackIdOf } from './testing/slack-scenario.js';

/** A loaded machine takes its time; nothing here measures it. */
const LONG = 180_000;

describe('Socket Mode', () => {
  let scenario: SlackScenario;
  beforeAll(async () => {
    scenario = await SlackScenario.start({ settings: { SLACK_APP_TOKEN: 'xapp-sample' } });
    await eventually(() => expect(scenario.emulator.socketMode.connected).toBe(1), LONG);
    scenario.emulator.target = 'socket';
  }, LONG);
  afterAll(() => scenario?.dispose(), LONG);

  it(
    'brings votes and dialogs like HTTP does',
    async () => {
      const approved = await scenario.held();
      await scenario.click('bob', approved.requestId, 'Approve');
      expect(buttonsOf(await scenario.untilShown(approved.requestId, /Approved\* by `bob`/))).toEqual([]);
      const denied = await scenario.held();
      await scenario.openDialog('dana', denied.requestId, 'Deny');
      await scenario.emulator.submit(slackIdOf('dana'), 'not now');
      await scenario.untilShown(denied.requestId, /Denied\* by `dana`: `not now`/);
    },
    LONG,
  );

  it(
    'takes nothing over HTTP',
    async () => {
      const response = await fetch(`${scenario.service.approvals.url}/slack/events`, {
        method: 'POST',
        body: '{}',
        headers: { 'content-type': 'application/json' },
      });
      expect(response.status).toBe(404);
    },
    LONG,
  );

  it(
    'connects again after the connection is lost',
    async () => {
      scenario.emulator.socketMode.cut();
      const { requestId } = await scenario.held();
      await scenario.message(requestId);
      await eventually(() => expect(scenario.emulator.socketMode.connected).toBe(1), LONG);
      await scenario.click('bob', requestId, 'Approve');
      await scenario.untilShown(requestId, /Approved\* by `bob`/);
    },
    LONG,
  );
});
