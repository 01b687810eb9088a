import { createPublicKey, verify } from 'node:crypto';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { privateKey } from '../testing/test-ledger.js';
import { keyBehindCommand } from './key-behind-command.js';

const publicKey = createPublicKey(privateKey);
const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const body = Buffer.from('audit.example/ledger/statements/0\n7\nAAAA\n');

let folder: string;
beforeAll(async () => void (folder = await mkdtemp(path.join(tmpdir(), 'countersign-signer-'))));
afterAll(() => rm(folder, { recursive: true, force: true }));

let commands = 0;
async function executable(script: string): Promise<string> {
  commands += 1;
  const file = path.join(folder, `signer-${commands}.mjs`);
  await writeFile(file, `#!${process.execPath}\n${script}\n`);
  await chmod(file, 0o755);
  return file;
}

const READ = `import { sign } from 'node:crypto';
const parts = []; for await (const part of process.stdin) parts.push(part); const body = Buffer.concat(parts);`;

describe('a key behind a command', () => {
  it('signs what it is given', async () => {
    const file = await executable(
      `${READ} console.log(sign(null, body, ${JSON.stringify(pem)}).toString('base64'));`,
    );
    const signature = await keyBehindCommand(file, publicKey, 60_000).sign(body);
    expect(verify(null, body, publicKey, signature)).toBe(true);
  });

  it.each([
    ['says nothing', ''],
    ['says something else', `console.log('no');`],
    ['signs twice', `console.log('${'A'.repeat(86)}==\\n${'A'.repeat(86)}==');`],
    ['fails', `process.exit(3);`],
    ['talks without end', `setInterval(() => process.stdout.write('A'.repeat(65536)), 1);`],
  ])('is of no use when the command %s', async (_, script) => {
    const key = keyBehindCommand(await executable(script), publicKey, 60_000);
    await expect(key.sign(body)).rejects.toMatchObject({ code: 'SIGNER_FAILED' });
  });

  it('is of no use when the command never ends, or is not there', async () => {
    const hangs = keyBehindCommand(await executable('setInterval(() => undefined, 1000);'), publicKey, 300);
    await expect(hangs.sign(body)).rejects.toMatchObject({ code: 'SIGNER_FAILED' });
    const missing = keyBehindCommand(path.join(folder, 'nothing'), publicKey);
    await expect(missing.sign(body)).rejects.toMatchObject({ code: 'SIGNER_FAILED' });
  });
});
