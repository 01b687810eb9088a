import type { ReadyFile } from '#libs/contracts/ready-file.js';
import { CommandError } from '../command-error.js';
import { findReadyFile, homeFolder } from './ready-file.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Who acts when nobody is named, in development: compliance, who sees everything and decides nothing. */
const DEFAULT_IDENTITY = 'carol';

export interface Caller {
  readonly approvalsUrl: string;
  readonly auditUrl: string;
  readonly token: string;
}

/**
 * Where the services are and as whom to speak: `--as` picks an identity of ready.json; else
 * COUNTERSIGN_TOKEN; else, in development, carol. Without a ready.json the addresses come from
 * COUNTERSIGN_APPROVALS_URL and COUNTERSIGN_AUDIT_URL.
 */
export async function findCaller(environment: Environment, as: string | undefined): Promise<Caller> {
  const ready = await findReadyFile(environment);
  return {
    approvalsUrl: addressOf(environment, 'COUNTERSIGN_APPROVALS_URL', ready?.approvals.url),
    auditUrl: addressOf(environment, 'COUNTERSIGN_AUDIT_URL', ready?.audit.url),
    token: tokenOf(environment, as, ready),
  };
}

/** The same for audit alone, or undefined where nobody is named and no stack runs: for what needs no token. */
export async function findAuditCaller(
  environment: Environment,
  as: string | undefined,
): Promise<Pick<Caller, 'auditUrl' | 'token'> | undefined> {
  const ready = await findReadyFile(environment);
  if (as === undefined && !environment['COUNTERSIGN_TOKEN'] && ready === undefined) return undefined;
  return {
    auditUrl: addressOf(environment, 'COUNTERSIGN_AUDIT_URL', ready?.audit.url),
    token: tokenOf(environment, as, ready),
  };
}

function addressOf(environment: Environment, variable: string, known: string | undefined): string {
  const address = environment[variable] || known;
  if (address !== undefined && URL.canParse(address)) return address.replace(/\/$/, '');
  throw new CommandError(
    address === undefined
      ? `no stack runs on ${homeFolder(environment)}: run npm start, or set ${variable}`
      : `${variable}: must be a URL`,
  );
}

function tokenOf(environment: Environment, as: string | undefined, ready: ReadyFile | undefined): string {
  const given = environment['COUNTERSIGN_TOKEN'];
  if (as === undefined && given !== undefined && given !== '') return given;
  if (ready === undefined)
    throw new CommandError(
      as === undefined
        ? 'set COUNTERSIGN_TOKEN to a bearer token of yours'
        : '--as works on a development stack only: set COUNTERSIGN_TOKEN instead',
    );
  return identityNamed(ready, as ?? DEFAULT_IDENTITY).token;
}

export function identityNamed(ready: ReadyFile, name: string): ReadyFile['identities'][number] {
  const identity = ready.identities.find((each) => each.name === name);
  if (identity !== undefined) return identity;
  const known = ready.identities.map((each) => each.name).join(', ');
  throw new CommandError(`there is no identity "${name}": --as takes one of ${known}`);
}
