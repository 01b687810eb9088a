// Compiles every TypeScript source to dist/ with swc and copies .sql and .yaml beside it.
// Incremental by modification time; also removes what no longer has a source.
// Type checking is a command of its own (npm run typecheck). An install without the compiler
// (npm install --omit=dev) runs what dist/ holds; where that is nothing, this says so.
import { copyFile, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..');
const out = path.join(root, 'dist');
const sources = ['apps', 'libs', 'deploy', 'test'];
const copied = new Set(['.sql', '.yaml', '.json']);

async function* files(dir) {
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(() => [])) {
    if (entry.name === 'node_modules') continue;
    const full = path.join(dir, entry.name);
    if (entry.isDirectory()) yield* files(full);
    else yield full;
  }
}

const compiler = await import('@swc/core').catch((error) => {
  if (error.code === 'ERR_MODULE_NOT_FOUND') return undefined;
  throw error;
});
if (compiler === undefined) {
  const built = await stat(path.join(out, 'deploy', 'local', 'start-one.js')).catch(() => undefined);
  if (built === undefined)
    process.stderr.write(
      'countersign: nothing is built, and the compiler is not installed: run npm install, npm run build and npm prune --omit=dev\n',
    );
  process.exit(built === undefined ? 1 : 0);
}
const { transformFile } = compiler;

const modified = async (file) => (await stat(file).catch(() => undefined))?.mtimeMs ?? 0;

// Two builds may run at once (a test and a start): every file appears whole or not at all.
async function replace(target, write) {
  const temporary = `${target}.${process.pid}.tmp`;
  await write(temporary);
  await rename(temporary, target);
}

const settingsTime = Math.max(
  await modified(path.join(root, '.swcrc')),
  await modified(fileURLToPath(import.meta.url)),
);
const wanted = new Set();
const jobs = [];
for (const source of sources) {
  for await (const file of files(path.join(root, source))) {
    const relative = path.relative(root, file);
    const extension = path.extname(file);
    if (extension === '.ts' && !file.endsWith('.spec.ts') && !file.endsWith('.d.ts')) {
      const target = path.join(out, relative.replace(/\.ts$/, '.js'));
      wanted.add(target);
      jobs.push(async () => {
        if ((await modified(target)) >= Math.max(await modified(file), settingsTime)) return;
        const { code } = await transformFile(file, { configFile: path.join(root, '.swcrc'), cwd: root });
        await mkdir(path.dirname(target), { recursive: true });
        await replace(target, (temporary) => writeFile(temporary, code));
      });
    } else if (copied.has(extension)) {
      const target = path.join(out, relative);
      wanted.add(target);
      jobs.push(async () => {
        if ((await modified(target)) >= (await modified(file))) return;
        await mkdir(path.dirname(target), { recursive: true });
        await replace(target, (temporary) => copyFile(file, temporary));
      });
    }
  }
}
await Promise.all(jobs.map((job) => job()));
for await (const file of files(out))
  if (!wanted.has(file) && !file.endsWith('.tmp')) await rm(file, { force: true });
