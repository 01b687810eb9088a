import { messageOf } from '#libs/kernel/coded-error.js';
import type { Logger } from '#libs/observability/logger.js';
import type { DatabasePool } from '#libs/postgres/pool.js';
import type { Loops } from '../loops.js';
import { adoptClickedCopy } from '../outbox/message-queries.js';
import { carryOut } from './carry-out.js';
import type { CarryOutDependencies } from './carry-out-dependencies.js';
import {
  claimInteraction,
  finishInteraction,
  noteAnswer,
  postponeInteraction,
  type Waiting,
} from './inbox-queries.js';
import type { SlackAnswers } from './slack-answers.js';

/** A click that could not be carried out for so long is not carried out any more: nobody expects it now. ms. */
const GIVE_UP_MS = 15 * 60_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;
/** How many are carried out at once as they arrive; the others wait for a loop. */
const MAX_AT_ONCE = 16;

export interface InboxWorkerOptions extends CarryOutDependencies {
  readonly pool: DatabasePool;
  readonly answers: SlackAnswers;
  readonly logger: Logger;
  /** Looks for due ones again. */
  readonly wakeOutbox: () => void;
}

/** Carries out what the inbox holds, each once, whatever is killed in between. */
export class InboxWorker {
  private running = 0;

  constructor(private readonly options: InboxWorkerOptions) {}

  /** Carries out one as soon as it has been acknowledged: its dialog has to open within three seconds. */
  async handleNow(key: string, loops: Loops): Promise<void> {
    if (this.running >= MAX_AT_ONCE) return loops.wake();
    this.running += 1;
    try {
      await this.handle(await claimInteraction(this.options.pool, key));
    } catch (err) {
      // It stays in the inbox.
      this.options.logger.warn({ err: messageOf(err) }, 'an interaction waits for another attempt');
    } finally {
      this.running -= 1;
    }
  }

  /** Carries out the next one that is due. False when there is none. */
  async handleNext(): Promise<boolean> {
    const waiting = await claimInteraction(this.options.pool);
    await this.handle(waiting);
    return waiting !== undefined;
  }

  private async handle(waiting: Waiting | undefined): Promise<void> {
    if (waiting === undefined) return;
    const { pool, logger, wakeOutbox } = this.options;
    const about = {
      requestId: waiting.requestId,
      kind: waiting.interaction.kind,
      slackUser: waiting.interaction.user,
    };
    if (waiting.ageMs > GIVE_UP_MS) {
      logger.error({ ...about, attempts: waiting.attempts }, 'an interaction from Slack is given up');
      return finishInteraction(pool, waiting.id, 'given up');
    }
    try {
      if (await adoptClickedCopy(pool, waiting.requestId, waiting.interaction)) wakeOutbox();
      if (waiting.answer !== undefined) return await this.tell(waiting, waiting.answer, 'told');
      const done = await carryOut(waiting, this.options);
      if (done.kind === 'later') return await this.postpone(waiting, done.problem, done.afterMs);
      if (done.kind === 'done') return await finishInteraction(pool, waiting.id, done.result);
      if (done.blocks === undefined) await noteAnswer(pool, waiting.id, done.text);
      await this.tell(waiting, done.text, done.result, done.blocks);
    } catch (error) {
      await this.postpone(waiting, messageOf(error), undefined);
    }
  }

  private async tell(
    waiting: Waiting,
    text: string,
    result: string,
    blocks?: Parameters<SlackAnswers['tell']>[2],
  ): Promise<void> {
    const answer = await this.options.answers.tell(waiting.interaction, text, blocks);
    if (answer.kind === 'rate-limited') return this.postpone(waiting, answer.kind, answer.retryAfterMs);
    if (answer.kind === 'unavailable') return this.postpone(waiting, answer.problem, undefined);
    if (answer.kind === 'refused')
      this.options.logger.warn(
        { error: answer.error, slackUser: waiting.interaction.user },
        'somebody could not be told',
      );
    await finishInteraction(
      this.options.pool,
      waiting.id,
      answer.kind === 'ok' ? result : `${result}; not told`,
    );
  }

  private async postpone(
    { id, attempts }: Waiting,
    problem: string,
    afterMs: number | undefined,
  ): Promise<void> {
    const backOff = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(10, attempts - 1));
    this.options.logger.warn({ problem, attempts }, 'an interaction waits for another attempt');
    await postponeInteraction(this.options.pool, id, Math.max(backOff, afterMs ?? 0));
  }
}
