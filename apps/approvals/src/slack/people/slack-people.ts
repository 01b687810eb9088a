import type { Identity } from '#libs/contracts/identity.js';
import type { Directory, Person } from '#libs/identity/directory.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import type { SlackAnswer, SlackWeb } from '../slack-web.js';
import { findLink } from './link-queries.js';
import { barredInSlack, readSlackUser, type SlackUser } from './slack-person.js';

/** How long what Slack says of a user is believed, ms; a deactivation takes effect after this at the latest. */
const BELIEVED_MS = 60_000;
const MAX_CACHED = 2_000;

export type WhoIsIt =
  | { readonly kind: 'person'; readonly identity: Identity }
  | { readonly kind: 'refused'; readonly message: string }
  /** A full member of the workspace whom nobody has linked to a person. */
  | { readonly kind: 'unlinked'; readonly team: string; readonly slackName: string }
  /** Slack cannot say now. */
  | { readonly kind: 'unavailable'; readonly problem: string; readonly retryAfterMs?: number };

export interface SlackPeopleOptions {
  readonly web: SlackWeb;
  readonly directory: Directory;
  readonly pool: DatabasePool;
  readonly matchEmail: boolean;
  /** Milliseconds, monotonic. */
  readonly monotonic: () => number;
}

/**
 * Tells who of the directory a Slack user is: by the Slack id the directory holds, by a link the person
 * made when signed in, or, where that is configured, by e-mail address. Asks Slack first whether it is a
 * full member of the own workspace at all; what Slack does not say refuses.
 */
export class SlackPeople {
  private readonly users = new Map<string, { readonly user: SlackUser; readonly at: number }>();
  private team: string | undefined;

  constructor(private readonly options: SlackPeopleOptions) {}

  async find(slackUser: string, teams: readonly (string | undefined)[]): Promise<WhoIsIt> {
    const team = await this.ownTeam();
    if (typeof team !== 'string') return team;
    const user = await this.userOf(slackUser);
    if ('kind' in user) return user;
    const barred = barredInSlack(user, team, teams);
    if (barred !== undefined) return { kind: 'refused', message: barred };
    const { directory, matchEmail, pool } = this.options;
    const people = await directory.findBySlackUserId(slackUser);
    if (people.length > 1) return AMBIGUOUS;
    if (people[0] !== undefined) return personBySlack(people[0], team, slackUser);
    const link = await findLink(pool, team, slackUser);
    const linked = link === undefined ? undefined : await directory.find(link.name);
    // Somebody whom the directory lists under another Slack account is that account and no other.
    if (link !== undefined && linked?.slackUserId === undefined)
      return {
        kind: 'person',
        identity: { ...identityOf(link.name, linked), issuer: link.issuer, subject: link.subject },
      };
    const email = user.profile?.email;
    if (matchEmail && email !== undefined && user.is_email_confirmed !== false) {
      const matching = (await directory.findByEmail(email)).filter(
        (person) => person.slackUserId === undefined,
      );
      if (matching.length > 1) return AMBIGUOUS;
      if (matching[0] !== undefined) return personBySlack(matching[0], team, slackUser);
    }
    return { kind: 'unlinked', team, slackName: user.profile?.real_name ?? user.name ?? slackUser };
  }

  /** The id of the workspace the bot's token is of; asked once. */
  async ownTeam(): Promise<string | Extract<WhoIsIt, { kind: 'unavailable' }>> {
    if (this.team !== undefined) return this.team;
    const answer = await this.options.web.call('auth.test');
    if (answer.kind === 'ok' && typeof answer.data['team_id'] === 'string') {
      this.team = answer.data['team_id'];
      return this.team;
    }
    return unavailable(answer.kind === 'refused' ? answer.error : answer.kind, answer);
  }

  private async userOf(id: string): Promise<SlackUser | Exclude<WhoIsIt, { kind: 'person' }>> {
    const { monotonic, web } = this.options;
    const known = this.users.get(id);
    if (known !== undefined && monotonic() - known.at < BELIEVED_MS) return known.user;
    const answer = await web.call('users.info', { user: id });
    if (answer.kind === 'refused') {
      return answer.error === 'user_not_found' || answer.error === 'user_not_visible'
        ? { kind: 'refused', message: 'Slack does not know this account in this workspace.' }
        : { kind: 'unavailable', problem: `users.info: ${answer.error}` };
    }
    if (answer.kind !== 'ok') return unavailable(answer.kind, answer);
    const user = readSlackUser(answer.data['user']);
    if (user === undefined || user.id !== id)
      return { kind: 'unavailable', problem: 'users.info: an answer that cannot be read' };
    this.users.delete(id);
    this.users.set(id, { user, at: monotonic() });
    const oldest = this.users.keys().next().value;
    if (this.users.size > MAX_CACHED && oldest !== undefined) this.users.delete(oldest);
    return user;
  }
}

const AMBIGUOUS: WhoIsIt = {
  kind: 'refused',
  message: 'The directory lists more than one person for this Slack account: have that put right.',
};

/** The directory says who it is; Slack vouches for the account. */
const personBySlack = (person: Person, team: string, slackUser: string): WhoIsIt => ({
  kind: 'person',
  identity: { ...identityOf(person.name, person), issuer: `slack:${team}`, subject: slackUser },
});

const identityOf = (name: string, person: Person | undefined): Omit<Identity, 'issuer' | 'subject'> => ({
  name,
  kind: person?.kind ?? 'human',
  groups: (person?.groups ?? []).slice(0, 200),
  ...(person?.owner === undefined ? {} : { onBehalfOf: person.owner }),
});

const unavailable = (problem: string, answer: SlackAnswer): Extract<WhoIsIt, { kind: 'unavailable' }> => ({
  kind: 'unavailable',
  problem,
  ...(answer.kind === 'rate-limited' ? { retryAfterMs: answer.retryAfterMs } : {}),
});
