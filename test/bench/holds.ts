import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { eventually } from '#libs/testing/eventually.js';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { GatewayRig } from '../faults/gateway-rig.js';
import { inspectedMemory, type Memory } from './inspected-memory.js';

const POLICY = `version: 1
default: allow
masking: off
rules:
  - id: numbers-change
    when: statement.kind == 'UPDATE'
    effect: review
    reviewers: [{ group: dba, count: 1 }]
`;

/** Sessions that are there before anything is measured: the first cost what all share. */
const WARM = 50;

/**
 * What a session that is idle, and one whose statement is held, cost the gateway's process: the memory of the
 * process with so many, divided. Each keeps its connection at the target. The clients exchange keys as those with
 * an OpenSSL before 3.5 do: a post-quantum exchange costs OpenSSL 9 KiB more for as long as the connection lasts.
 * On Linux only.
 */
export async function benchHolds({ json, short }: { json: boolean; short: boolean }): Promise<void> {
  const sessions = short ? 100 : 1_000;
  const room = sessions + WARM + 50;
  const rig = await GatewayRig.start(`strict, maxConnections: ${room}`, { connections: room });
  const clients: pg.Client[] = [];
  try {
    const policy = path.join(rig.folder, 'holds.yaml');
    await writeFile(policy, POLICY);
    const inspector = await freePort();
    const gateway = await rig.startGateway({
      COUNTERSIGN_POLICY: policy,
      NODE_OPTIONS: `--inspect=127.0.0.1:${inspector}`,
    });
    const memory = (): Promise<Memory> => inspectedMemory(gateway.pid as number, inspector);
    const password = await rig.token();
    let held = 0;
    const connect = async (): Promise<pg.Client> => {
      const client = new pg.Client({
        host: 'localhost',
        port: rig.port,
        database: 'shop',
        user: 'alice',
        password,
        ssl: { ca: rig.ca, ecdhCurve: 'X25519' },
      });
      client.on('error', () => undefined);
      client.once('notice', () => (held += 1));
      await client.connect();
      clients.push(client);
      return client;
    };
    const hold = (some: readonly pg.Client[]): Promise<void> => {
      const wanted = held + some.length;
      for (const client of some) client.query('UPDATE numbers SET n = 1').catch(() => undefined);
      return eventually(() => {
        if (held < wanted) throw new Error(`${held} of ${wanted} are held`);
      }, 300_000);
    };
    for (let count = 0; count < WARM; count += 1) await connect();
    await hold(clients.slice());
    const before = await memory();
    const measured: pg.Client[] = [];
    while (measured.length < sessions)
      measured.push(...(await Promise.all(Array.from({ length: 10 }, connect))));
    const idle = await memory();
    await hold(measured);
    const holding = await memory();
    const each = (more: Memory, than: Memory) => ({
      resident: Number(((more.resident - than.resident) / sessions).toFixed(1)),
      reachable: Number(((more.reachable - than.reachable) / sessions).toFixed(1)),
    });
    const row = {
      sessions,
      residentMiB: Math.round(holding.resident / 1024),
      kibPerIdleSession: each(idle, before),
      kibMoreWhileHeld: each(holding, idle),
    };
    if (json) console.log(JSON.stringify({ bench: 'holds', rows: [row] }));
    else
      console.log(
        Object.entries(row)
          .map(([name, value]) => `${name} ${JSON.stringify(value)}`)
          .join(', '),
      );
  } finally {
    await rig.dispose();
    for (const client of clients) client.end().catch(() => undefined);
  }
}
