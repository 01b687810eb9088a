import { playSlackChaos } from './play-slack-chaos.js';

/** `node dist/test/faults/slack-chaos.js [runs] [seed]`: exit status 0 when nothing was lost, doubled or left stale. */
const [runs = '1000', seed = String(Date.now() % 1_000_000)] = process.argv.slice(2);
const started = performance.now();
const say = (text: string): void => void process.stderr.write(`${text}\n`);
say(`seed ${seed}`);
const report = await playSlackChaos({
  runs: Number(runs),
  killEvery: 20,
  seed: Number(seed),
  atOnce: 10,
  progress: say,
});
process.stdout.write(
  `${JSON.stringify({ seed: Number(seed), seconds: Math.round((performance.now() - started) / 1000), ...report }, null, 2)}\n`,
);
const { lostClicks, doubleDecisions, staleButtons, undecided } = report;
process.exit(
  [lostClicks, doubleDecisions, staleButtons, undecided].every((list) => list.length === 0) ? 0 : 1,
);
