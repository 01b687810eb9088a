import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseGatewayTies, speaksFor } from '#libs/contracts/gateway-ties.js';
import { parseTrustedKeys } from '#libs/contracts/key-files.js';
import { newId } from '#libs/kernel/uuid.js';
import { homeAt, prepareHome } from './home/home.js';
import { ensureKeys } from './keys.js';

describe('the keys of a development stack', () => {
  let folder: string;
  beforeEach(async () => (folder = await mkdtemp(path.join(tmpdir(), 'countersign-keys-'))));
  afterEach(() => rm(folder, { recursive: true }));

  const made = async (environment?: Record<string, string>) => {
    const home = homeAt(path.join(folder, 'home'));
    await prepareHome(home, undefined);
    await ensureKeys(home, environment);
    const text = await readFile(home.keyFile('gateway-keys.pem'), 'utf8');
    const [keyId = ''] = parseTrustedKeys(text).keys();
    const kept = path.join(path.dirname(home.spool), 'gateway-id');
    return { text, kept, may: (id: string) => speaksFor(parseGatewayTies(text), keyId, id) };
  };

  it('let the gateway speak for itself alone, under the id that it finds beside its spool', async () => {
    const { text, kept, may } = await made();
    const id = (await readFile(kept, 'utf8')).trim();
    expect([may(id), may(newId())]).toEqual([true, false]);
    expect((await made()).text).toBe(text);
  });

  it('are tied to the id that the environment gives, and to none where its spool is elsewhere', async () => {
    const id = newId();
    const given = await made({ COUNTERSIGN_GATEWAY_ID: id });
    expect([given.may(id), given.may(newId())]).toEqual([true, false]);
    await rm(folder, { recursive: true });
    expect((await made({ COUNTERSIGN_GATEWAY_SPOOL: '/elsewhere' })).may(newId())).toBe(true);
  });
});
