import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { clientVariations } from './approvals-drift/client-variations.js';
import { decisionVariations } from './approvals-drift/decision-variations.js';
import { DriftWorld } from './approvals-drift/drift-world.js';
import { objectVariations } from './approvals-drift/object-variations.js';

/** All of them with COUNTERSIGN_DRIFT=full (minutes); else every so-manieth, and what must run. */
const SHORT_FORM = 12;

const all = [...objectVariations(), ...clientVariations(), ...decisionVariations()];
const chosen =
  process.env['COUNTERSIGN_DRIFT'] === 'full'
    ? all
    : all.filter(({ control }, index) => control === true || index % SHORT_FORM === 7);

/**
 * Approve A, run B: what is approved is one exact statement, so nothing else runs on it, whatever the
 * client sends and whoever changes what it means. Each variation is approved by a reviewer first.
 */
describe('approve A, run B', () => {
  let folder: string;
  let world: DriftWorld;

  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'countersign-drift-'));
    world = await DriftWorld.start(folder);
  }, 180_000);

  afterAll(async () => {
    await world?.stop();
    await rm(folder, { recursive: true, force: true });
  }, 60_000);

  it('comes in at least 200 variations', () => {
    expect(all.filter(({ control }) => control !== true).length).toBeGreaterThanOrEqual(200);
    expect(new Set(all.map(({ name }) => name)).size).toBe(all.length);
  });

  it.each(chosen.map((variation, index) => ({ ...variation, index })))(
    '$name',
    async ({ run, control, index }) => {
      const table = `drift_${index}`;
      await world.table(table);
      const ended = await run(world, table);
      if (control === true) {
        expect(ended).toEqual({ ran: true });
        expect(await world.changed(table)).toBe(true);
      } else {
        expect(ended.ran).toBe(false);
        expect(await world.changed(table)).toBe(false);
      }
    },
    180_000,
  );
});
