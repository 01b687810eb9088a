import { Catch, HttpException, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Logger } from '#libs/observability/logger.js';
import { ProblemException, type Problem } from './problem.js';
import { LOGGER } from './tokens.js';

interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
  send(body: unknown): void;
}

/** Every error leaves as application/problem+json; what we did not foresee says nothing of its inside. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(thrown: unknown, host: ArgumentsHost): void {
    const problem = this.problemOf(thrown);
    const reply = host.switchToHttp().getResponse<Reply>();
    if (problem.status === 401) reply.header('www-authenticate', 'Bearer');
    reply
      .status(problem.status)
      .header('content-type', 'application/problem+json; charset=utf-8')
      .send(JSON.stringify(problem));
  }

  private problemOf(thrown: unknown): Problem {
    if (thrown instanceof ProblemException) return thrown.problem;
    if (thrown instanceof HttpException) {
      return { type: 'about:blank', title: thrown.message, status: thrown.getStatus() };
    }
    const status = (thrown as { statusCode?: unknown } | null)?.statusCode;
    if (typeof status === 'number' && status >= 400 && status < 500) {
      return { type: 'about:blank', title: (thrown as Error).message, status };
    }
    this.logger.error({ err: thrown }, 'a request failed');
    return { type: 'about:blank', title: 'Internal error', status: 500 };
  }
}
