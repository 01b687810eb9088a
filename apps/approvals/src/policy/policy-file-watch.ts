import { readFile } from 'node:fs/promises';
import { messageOf } from '#libs/kernel/coded-error.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import type { Logger } from '#libs/observability/logger.js';
import type { Policy } from '#libs/policy/policy.js';
import type { RequestExecutor } from '../request/write/request-executor.js';
import type { PolicyReader } from './policy-shelf.js';
import { lockPublications } from './publication.js';
import { publishPolicy, type PolicyOrigin, type Published } from './publish-policy.js';

export interface PolicyFileWatchOptions {
  readonly file: string;
  /** The text that was read at the start, and what it was published as. */
  readonly text: string;
  readonly policy: Policy;
  readonly executor: RequestExecutor;
  /** Reads the file's text as a policy; rejects with what is wrong with it. */
  readonly read: PolicyReader;
  /** Reads a text that was published. */
  readonly readPublished: PolicyReader;
  /** Who there is, what may be forced, and the time: as publishPolicy takes them. */
  readonly origin?: Pick<PolicyOrigin, 'people' | 'breakGlass' | 'clock'>;
  readonly newId: () => string;
  readonly logger: Logger;
}

/**
 * Looks at the policy file again and again, by its content, and publishes it when it has changed. A text
 * counts once two looks in a row found it, so that a file that is being written is not taken half; SIGHUP
 * asks for one look that counts at once. What cannot be published is `policy.rejected`, once for each
 * text, and the policy before it stays in force.
 */
export class PolicyFileWatch {
  /** SHA-256 of the text that was decided upon last. */
  private decided: string;
  private seen: string;
  private unreadable = false;
  private looking: Promise<void> = Promise.resolve();
  /** Why the file was not taken; undefined where it was. */
  problem: string | undefined;

  constructor(private readonly options: PolicyFileWatchOptions) {
    this.decided = hashOf(options.text);
    this.seen = this.decided;
  }

  /** What became of the text that was read at the start, where it is not in force. */
  async started(published: Published): Promise<void> {
    await this.tell(published, this.decided, this.options.policy);
  }

  /** One look; `atOnce` lets a text count that was not seen before. Looks never overlap. */
  look(atOnce = false): Promise<void> {
    const next = this.looking.then(() => this.lookOnce(atOnce));
    this.looking = next.catch(() => undefined);
    return next;
  }

  private async lookOnce(atOnce: boolean): Promise<void> {
    const { file, logger } = this.options;
    let text: string;
    try {
      text = await readFile(file, 'utf8');
    } catch (error) {
      // An editor may be about to put it back; what is in force stays in any case.
      if (!this.unreadable) logger.warn({ err: error }, 'the policy file cannot be read');
      this.unreadable = true;
      this.problem = `the policy file cannot be read: ${messageOf(error)}`;
      return;
    }
    this.unreadable = false;
    const hash = hashOf(text);
    const settled = atOnce || hash === this.seen;
    this.seen = hash;
    if (hash === this.decided) {
      if (this.problem?.startsWith('the policy file cannot be read') === true) this.problem = undefined;
      return;
    }
    if (!settled) return;
    await this.decide(text, hash);
    this.decided = hash;
  }

  private async decide(text: string, hash: string): Promise<void> {
    const { executor, newId, file, readPublished, read } = this.options;
    let policy: Policy;
    try {
      policy = await read(text);
    } catch (error) {
      return this.reject(hash, messageOf(error).split('\n')[0] ?? 'it is no policy');
    }
    const published = await publishPolicy(
      executor,
      policy,
      { ...this.options.origin, file, read: readPublished, occasion: 'change' },
      newId,
    );
    await this.tell(published, hash, policy);
  }

  private async tell(published: Published, hash: string, policy: Policy): Promise<void> {
    const { file, logger } = this.options;
    const found = { policyHash: policy.hash, policyVersion: policy.version };
    this.problem = undefined;
    switch (published.kind) {
      case 'refused':
        return this.reject(hash, `${file}: ${published.problem}`);
      case 'proposed':
        logger.warn({ ...found, changeId: published.changeId }, 'a change of policy waits for signatures');
        return;
      case 'not-signed':
        logger.warn(found, 'the policy file was proposed before and not signed; the policy in force stays');
        return;
      case 'published':
        logger.info(found, 'policy published');
        return;
      case 'unchanged':
    }
  }

  private async reject(fileSha256: string, problem: string): Promise<void> {
    const { executor, newId, file, logger } = this.options;
    const line = problem.slice(0, 1_024);
    const policyHash = await executor.transact(async (unit, tx) => {
      const inForce = (await lockPublications(tx))?.hash ?? '';
      unit.publish({
        id: newId(),
        type: 'policy.rejected',
        key: 'policy',
        place: undefined,
        fields: { file: file.slice(0, 1_024), fileSha256, problem: line, policyHash: inForce },
      });
      return inForce;
    });
    this.problem = line;
    logger.error({ problem: line, policyHash }, 'the policy file is rejected; the policy before it stays');
  }
}

const hashOf = (text: string): string => sha256Hex(Buffer.from(text, 'utf8'));
