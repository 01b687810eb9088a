import { ensureDirectory } from './identities.js';
import { ensureKeys, newSecret } from './keys.js';
import type { Home } from './home/home.js';
import { readStack, writeStack, type Stack } from './home/stack-file.js';
import { ownerUrlOf } from './local-stack.js';
import { choosePorts } from './ports.js';
import { services } from './platform-database.js';
import { SAMPLE_ROLE } from './sample-target/prepare-shop.js';
import { serviceEnvironments, settingsOf } from './service-environments.js';
import type { StartSettings } from './start-settings.js';

/**
 * Decides ports, passwords and every process's environment, from the settings and from the last start
 * on the same home, and writes them to stack.json before anything is started.
 */
export async function planStack(
  home: Home,
  settings: StartSettings,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<Stack> {
  const last = await readStack(home);
  const ports = await choosePorts(settings, last?.ports);
  await ensureKeys(home, environment);
  await ensureDirectory(home.directory);
  const known = last?.passwords ?? {};
  const passwordOf = (role: string): string => known[role] ?? newSecret();
  const roles = ['platform-postgres', 'target-postgres', SAMPLE_ROLE, ...services];
  const passwords = Object.fromEntries(roles.map((role) => [role, passwordOf(role)]));
  const planned: Stack = {
    version: 1,
    ports,
    passwords,
    given: settingsOf(environment),
    environments: {},
    processes: {},
  };
  const { gateway = '', approvals = '', audit = '' } = passwords;
  const stack: Stack = {
    ...planned,
    environments: serviceEnvironments(
      home,
      {
        settings,
        ports,
        ownerUrl: ownerUrlOf(planned, settings),
        targetsText: settings.targets?.text ?? '',
        passwords: { gateway, approvals, audit },
      },
      environment,
    ),
  };
  await writeStack(home, stack);
  return stack;
}
