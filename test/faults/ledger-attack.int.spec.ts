import { playAttacks } from '#libs/ledger/attack/play-attacks.js';
import { attackedLedger, type AttackedLedger } from '../../apps/audit/src/testing/attacked-ledger.js';

/** More seeds make a longer run: `COUNTERSIGN_ATTACK_SEEDS=100 npm test -- test/faults/ledger-attack`. */
const SEEDS = Number(process.env['COUNTERSIGN_ATTACK_SEEDS'] ?? 1);

let attacked: AttackedLedger;
beforeAll(async () => {
  attacked = await attackedLedger();
}, 120_000);
afterAll(() => attacked.dispose());

describe('every attack of the table, at random places', () => {
  it.each(Array.from({ length: SEEDS }, (_, index) => 20_261_121 + index))(
    'is detected, named and located, with no false alarm (seed %i)',
    async (seed) => {
      const before = await attacked.verify();
      const card = await playAttacks({
        originalUrl: attacked.ledger.adminUrl,
        trustFolder: attacked.trust,
        serverUrl: attacked.ledger.adminUrl,
        seed,
        placements: 1,
      });
      expect(card.falseAlarms).toEqual([]);
      expect(card.scores.filter((score) => !(score.detected && score.named && score.located))).toEqual([]);
      expect(card.notPlayed).toEqual([]);
      expect(card.scores.length).toBeGreaterThan(45);
      expect(card.passed).toBe(true);
      // The original is as it was, and nothing is left behind on the server.
      expect(await attacked.verify()).toEqual(before);
      const left = await attacked.admin.query(
        "SELECT datname FROM pg_database WHERE datname LIKE 'countersign_attack%'",
      );
      expect(left.rows).toEqual([]);
    },
    600_000,
  );
});
