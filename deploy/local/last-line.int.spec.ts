import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { lastLine } from './start-process.js';

describe('lastLine', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'countersign-log-'));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it.each([
    ['a start error', '{"msg":"before"}\naudit: no such key\n', 'audit: no such key'],
    ['a log line', 'x\n{"level":50,"msg":"lost","err":{"message":"no route"}}\n', 'lost: no route'],
    [
      'a crash',
      '{"msg":"before"}\nnode:events:505\n    throw er;\n    ^\n\nError: Connection terminated\n    at a (b:1:2)\nEmitted \'error\' event on Client instance at:\n    at c {\n  code: \'X\'\n}\n\nNode.js v24.21.0\n',
      'Error: Connection terminated',
    ],
    ['nothing', '', ''],
  ])('finds what matters in %s', async (name, text, said) => {
    const file = path.join(folder, name);
    await writeFile(file, text);
    expect(await lastLine(file)).toBe(said);
  });
});
