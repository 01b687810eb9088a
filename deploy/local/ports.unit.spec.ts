import type { Ports } from './home/stack-file.js';
import { choosePorts } from './ports.js';
import type { StartSettings } from './start-settings.js';

const settings = (ports: Partial<StartSettings> = {}): StartSettings =>
  ({ COUNTERSIGN_TENANT: 'default', targets: undefined, ...ports }) as StartSettings;
const freeExcept =
  (...taken: number[]) =>
  (port: number): Promise<boolean> =>
    Promise.resolve(!taken.includes(port));

describe('choosePorts', () => {
  it('takes the usual ports where nothing speaks against them', async () => {
    const ports = await choosePorts(settings(), undefined, freeExcept());
    expect(ports).toMatchObject({ gateway: 6432, approvals: 8081, audit: 8082, idp: 8083 });
  });

  it('gives every part a port of its own', async () => {
    const last = { gateway: 7000, gatewayHttp: 7000, approvals: 7000 } as Ports;
    const ports = await choosePorts(settings({ COUNTERSIGN_AUDIT_PORT: 6432 }), last, freeExcept());
    expect(new Set(Object.values(ports)).size).toBe(7);
    expect(ports.audit).toBe(6432);
  });

  it('finds the ports of the last start again while they are free', async () => {
    const last: Ports = await choosePorts(settings(), undefined, freeExcept(6432));
    expect(last.gateway).not.toBe(6432);
    expect(await choosePorts(settings(), last, freeExcept())).toEqual(last);
  });

  it('falls back to a free port where nobody asked for one', async () => {
    const ports = await choosePorts(settings(), undefined, freeExcept(8081));
    expect(ports.approvals).not.toBe(8081);
    expect(ports.approvals).toBeGreaterThan(0);
  });

  it('names variable and port when the one asked for is taken', async () => {
    await expect(
      choosePorts(settings({ COUNTERSIGN_IDP_PORT: 9000 }), undefined, freeExcept(9000)),
    ).rejects.toThrow(/^COUNTERSIGN_IDP_PORT: port 9000 is taken/);
  });

  it('refuses one port for two parts', async () => {
    await expect(
      choosePorts(
        settings({ COUNTERSIGN_AUDIT_PORT: 9000, COUNTERSIGN_IDP_PORT: 9000 }),
        undefined,
        freeExcept(),
      ),
    ).rejects.toThrow(/^COUNTERSIGN_IDP_PORT: port 9000 is already asked for by COUNTERSIGN_AUDIT_PORT/);
  });
});
