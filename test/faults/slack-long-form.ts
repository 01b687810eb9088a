import type { FaultSuite } from './fault-suite.js';
import { playSlackChaos } from './play-slack-chaos.js';

/** Slack under chaos: `COUNTERSIGN_SLACK_RUNS` requests (1000), approvals killed every 20, from `COUNTERSIGN_SLACK_SEED`. */
export const SLACK_FAULTS: FaultSuite = {
  chaos: async (report) => {
    const runs = Number(process.env['COUNTERSIGN_SLACK_RUNS'] ?? 1_000);
    const seed = Number(process.env['COUNTERSIGN_SLACK_SEED'] ?? Date.now() % 1_000_000);
    const started = performance.now();
    const progress = (text: string): void => void process.stderr.write(`${text}\n`);
    progress(`seed ${seed}`);
    const played = await playSlackChaos({ runs, killEvery: 20, seed, atOnce: 10, progress });
    const { lostClicks, doubleDecisions, staleButtons, undecided, ...numbers } = played;
    const wrong = { lostClicks, doubleDecisions, staleButtons, undecided };
    for (const [what, found] of Object.entries(wrong)) for (const each of found) progress(`${what}: ${each}`);
    const counts = Object.entries(wrong).map(([what, found]) => [what, found.length] as const);
    const seconds = Math.round((performance.now() - started) / 1_000);
    report(
      'Slack under chaos',
      { seed, seconds, ...numbers, ...Object.fromEntries(counts) },
      played.runs === runs && counts.every(([, count]) => count === 0),
    );
  },
};
