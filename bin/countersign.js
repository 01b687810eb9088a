#!/usr/bin/env node
// Runs the countersign command with Node 24: the running node where it is new enough, else the one that
// the npm package "node" has put into node_modules. Compiles the sources first where that was never done.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const main = path.join(root, 'dist', 'apps', 'cli', 'src', 'main.js');
const [major] = process.versions.node.split('.').map(Number);

if (major >= 24) {
  if (!existsSync(main)) await import(pathToFileURL(path.join(root, 'deploy', 'build', 'build.js')).href);
  await import(pathToFileURL(main).href);
} else {
  const node = path.join(root, 'node_modules', '.bin', 'node');
  if (!existsSync(node)) {
    process.stderr.write(
      `countersign: needs Node 24, this is ${process.version}: run npm install in ${root}, or install Node 24\n`,
    );
    process.exit(1);
  }
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], { stdio: 'inherit' });
  // The terminal's Ctrl-C reaches the child by itself; what is sent to this process alone is passed on.
  process.on('SIGINT', () => undefined);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.exit(1);
  });
}
