import type { FaultSuite } from '../fault-suite.js';
import { fuzzGateway, fuzzHolds } from './fuzz.js';

const FRAMES = Number(process.env['COUNTERSIGN_FUZZ_FRAMES'] ?? 1_000_000);

/** Some 30 messages each. */
const SESSIONS_A_ROUND = 1_500;

/** The gateway's suite. */
export const GATEWAY_FAULTS: FaultSuite = {
  fuzz: async (report) => {
    let seed = Number(process.env['COUNTERSIGN_FUZZ_SEED'] ?? Date.now() % 1_000_000_000);
    for (let frames = 0; frames < FRAMES; seed += 1) {
      const round = await fuzzGateway(SESSIONS_A_ROUND, seed);
      frames += round.frames;
      report(`random messages, seed ${seed}`, { ...round, framesSoFar: frames }, fuzzHolds(round));
    }
  },
};
