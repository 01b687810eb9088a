import { createServer } from 'node:net';
import { freePort } from '#libs/embedded-postgres/free-port.js';
import { SettingError } from '#libs/kernel/settings.js';
import type { Ports } from './home/stack-file.js';
import type { StartSettings } from './start-settings.js';

const PORTS = [
  { name: 'gateway', variable: 'COUNTERSIGN_GATEWAY_PORT', usual: 6432 },
  { name: 'gatewayHttp', variable: 'COUNTERSIGN_GATEWAY_HTTP_PORT', usual: 6433 },
  { name: 'platform', variable: 'COUNTERSIGN_PLATFORM_PORT', usual: 6434 },
  { name: 'target', variable: 'COUNTERSIGN_TARGET_PORT', usual: 6435 },
  { name: 'approvals', variable: 'COUNTERSIGN_APPROVALS_PORT', usual: 8081 },
  { name: 'audit', variable: 'COUNTERSIGN_AUDIT_PORT', usual: 8082 },
  { name: 'idp', variable: 'COUNTERSIGN_IDP_PORT', usual: 8083 },
] as const satisfies readonly { name: keyof Ports; variable: keyof StartSettings; usual: number }[];

type IsFree = (port: number) => Promise<boolean>;

/**
 * A port for each part: the one its variable asks for, which must be free; else the one of the last
 * start, else the usual one, else any that is free.
 */
export async function choosePorts(
  settings: StartSettings,
  last: Ports | undefined,
  isFree: IsFree = isPortFree,
): Promise<Ports> {
  const taken = new Map<number, string>();
  const chosen: Partial<Record<keyof Ports, number>> = {};
  for (const { name, variable } of PORTS) {
    const asked = settings[variable];
    if (asked === undefined) continue;
    const other = taken.get(asked);
    if (other !== undefined)
      throw new SettingError(variable, `port ${asked} is already asked for by ${other}`);
    if (!(await isFree(asked)))
      throw new SettingError(
        variable,
        `port ${asked} is taken: stop what listens there, or name another port`,
      );
    taken.set(asked, variable);
    chosen[name] = asked;
  }
  for (const { name, usual } of PORTS) {
    if (chosen[name] !== undefined) continue;
    const port = await firstFree([last?.[name], usual], taken, isFree);
    taken.set(port, name);
    chosen[name] = port;
  }
  return chosen as Ports;
}

async function firstFree(
  preferred: readonly (number | undefined)[],
  taken: ReadonlyMap<number, string>,
  isFree: IsFree,
): Promise<number> {
  for (const port of preferred) {
    if (port !== undefined && !taken.has(port) && (await isFree(port))) return port;
  }
  for (;;) {
    const port = await freePort();
    if (!taken.has(port)) return port;
  }
}

/** Whether this process could listen there now, on the loopback interface. */
export const isPortFree = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => server.close(() => resolve(true)));
  });
