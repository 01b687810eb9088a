import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { eventually } from './eventually.js';

const PROGRAM = `
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';
const server = await temporaryPostgres();
console.log(JSON.stringify({ pid: server.pid, folder: server.folder }));
setInterval(() => undefined, 1000);
`;

const runs = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

describe('a PostgreSQL of a test', () => {
  it('ends with the process that started it, and its folder too, however that process ends', async () => {
    if (process.platform === 'win32') return;
    const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [said] = (await once(child.stdout, 'data')) as [Buffer];
    const { pid, folder } = JSON.parse(said.toString()) as { pid: number; folder: string };
    expect(runs(pid)).toBe(true);
    child.kill('SIGKILL');
    await eventually(async () => {
      expect(runs(pid)).toBe(false);
      await expect(access(folder)).rejects.toThrow('ENOENT');
    }, 60_000);
  });
});
