import type { Home } from './home/home.js';
import type { Ports, ProcessName } from './home/stack-file.js';
import { serviceUrl, type Service } from './platform-database.js';
import type { StartSettings } from './start-settings.js';

type Environment = Readonly<Record<string, string | undefined>>;
type Strings = Record<string, string>;

/** What every process gets, whoever starts it: how to run and how to speak, no settings of ours. */
const INHERITED =
  /^(PATH|HOME|USER|LANG|LC_.*|TZ|TMPDIR|TMP|TEMP|SYSTEMROOT|NODE_OPTIONS|NODE_EXTRA_CA_CERTS|OTEL_.*)$/;

export const inheritedEnvironment = (environment: Environment): Strings =>
  pick(environment, (name) => INHERITED.test(name));

/** Every setting of ours in an environment. */
export const settingsOf = (environment: Environment): Strings =>
  pick(environment, (name) => /^(COUNTERSIGN_|KAFKA_|SLACK_)|^DATABASE_URL$/.test(name));

export interface Platform {
  readonly settings: StartSettings;
  readonly ports: Ports;
  /** The platform database as its owner. */
  readonly ownerUrl: string;
  /** The text of COUNTERSIGN_TARGETS, where that is set. */
  readonly targetsText: string;
  /** Of the services' login roles. */
  readonly passwords: Readonly<Record<Service, string>>;
}

/**
 * The settings each process is started with: those of the local stack, and over them what the person
 * set (COUNTERSIGN_DECISION_KEYS, COUNTERSIGN_LOG_LEVEL and the like). Each service gets only its own
 * private key and its own login; only approvals hears of Slack.
 */
export function serviceEnvironments(
  home: Home,
  { settings, ports, ownerUrl, targetsText, passwords }: Platform,
  environment: Environment,
): Partial<Record<ProcessName, Strings>> {
  const issuer = issuerOf(ports);
  const kafka = pick(environment, (name) => name.startsWith('KAFKA_'));
  const common: Strings = {
    COUNTERSIGN_HOME: home.root,
    COUNTERSIGN_TENANT: settings.COUNTERSIGN_TENANT,
    COUNTERSIGN_OIDC_ISSUER: issuer,
    ...(settings.KAFKA_BROKERS === undefined ? {} : kafka),
    ...pick(environment, (name) => name === 'COUNTERSIGN_LOG_LEVEL'),
  };
  const given = (names: RegExp): Strings => pick(environment, (name) => names.test(name));
  const database = (service: Service): Strings => ({
    DATABASE_URL: serviceUrl(ownerUrl, service, passwords[service]),
  });
  const policy: Strings = {
    ...(settings.COUNTERSIGN_POLICY === undefined ? {} : { COUNTERSIGN_POLICY: settings.COUNTERSIGN_POLICY }),
    ...(settings.COUNTERSIGN_REVIEWERS === undefined
      ? {}
      : { COUNTERSIGN_REVIEWERS: settings.COUNTERSIGN_REVIEWERS }),
  };
  return {
    gateway: {
      ...common,
      ...policy,
      COUNTERSIGN_GATEWAY_PORT: String(ports.gateway),
      COUNTERSIGN_GATEWAY_HTTP_PORT: String(ports.gatewayHttp),
      COUNTERSIGN_GATEWAY_SPOOL: home.spool,
      COUNTERSIGN_GATEWAY_TLS_CERT: home.keyFile('tls-cert.pem'),
      COUNTERSIGN_GATEWAY_TLS_KEY: home.keyFile('tls-key.pem'),
      COUNTERSIGN_GATEWAY_SIGNING_KEY: home.keyFile('gateway-signing.pem'),
      COUNTERSIGN_DECISION_KEYS: home.keyFile('decision-keys.pem'),
      COUNTERSIGN_TARGETS: settings.COUNTERSIGN_TARGETS ?? home.targets,
      ...pick(environment, namedIn(targetsText)),
      // The gateway needs the database only where the event log is in it.
      ...(settings.KAFKA_BROKERS === undefined ? database('gateway') : {}),
      ...given(/^COUNTERSIGN_(GATEWAY_(?!KEYS$|PORT$|HTTP_PORT$).*|SPOOL_.*|DECISION_KEYS)$/),
    },
    approvals: {
      ...common,
      ...policy,
      ...database('approvals'),
      COUNTERSIGN_APPROVALS_PORT: String(ports.approvals),
      COUNTERSIGN_GATEWAY_KEYS: home.keyFile('gateway-keys.pem'),
      COUNTERSIGN_DECISION_SIGNING_KEY: home.keyFile('decision-signing.pem'),
      COUNTERSIGN_DIRECTORY: home.directory,
      ...pick(environment, (name) => name.startsWith('SLACK_')),
      ...given(
        /^COUNTERSIGN_(APPROVALS_(?!PORT$).*|WEBHOOK_.*|MAIL_.*|DECISION_SIGNING_KEY|DIRECTORY|GATEWAY_KEYS|MAX_NOTIFIED|POLICY_BREAK_GLASS)$/,
      ),
    },
    audit: {
      ...common,
      ...database('audit'),
      COUNTERSIGN_AUDIT_PORT: String(ports.audit),
      COUNTERSIGN_LEDGER_KEY: home.keyFile('ledger-signing.pem'),
      COUNTERSIGN_TRUST: home.trust,
      ...given(/^COUNTERSIGN_(AUDIT_(?!PORT$).*|LEDGER_.*|TRUST)$/),
    },
    idp: {
      COUNTERSIGN_OIDC_ISSUER: issuer,
      COUNTERSIGN_IDP_PORT: String(ports.idp),
      COUNTERSIGN_IDP_JWKS: home.keyFile('idp-jwks.json'),
      COUNTERSIGN_IDP_CLIENTS: home.keyFile('idp-clients.json'),
      COUNTERSIGN_DIRECTORY: home.directory,
      ...given(/^COUNTERSIGN_DIRECTORY$/),
    },
  };
}

export const issuerOf = (ports: Ports): string => `http://127.0.0.1:${ports.idp}`;

/** The variables a targets file takes its passwords from: `${NAME}`. */
function namedIn(text: string): (name: string) => boolean {
  const names = new Set([...text.matchAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g)].map((match) => match[1]));
  return (name) => names.has(name);
}

function pick(environment: Environment, wanted: (name: string) => boolean): Strings {
  const picked: Strings = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && value !== '' && wanted(name)) picked[name] = value;
  }
  return picked;
}
