import { playSlackChaos } from './play-slack-chaos.js';

describe('Slack under chaos', () => {
  it('loses no click, decides nothing twice and leaves no button behind', async () => {
    const report = await playSlackChaos({ runs: 16, killEvery: 8, seed: 20_261_121, atOnce: 8 });
    expect(report).toMatchObject({
      runs: 16,
      lostClicks: [],
      doubleDecisions: [],
      staleButtons: [],
      undecided: [],
    });
    expect(report.kills).toBeGreaterThan(0);
    expect(report.acknowledged).toBeGreaterThanOrEqual(16);
  }, 600_000);
});
