import { HttpException } from '@nestjs/common';

export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail?: string;
  readonly [extension: string]: unknown;
}

/** An answer in application/problem+json (RFC 9457). `code` is stable and ends the `type` URI. */
export class ProblemException extends HttpException {
  constructor(
    readonly code: string,
    status: number,
    title: string,
    detail?: string,
    readonly extensions: Readonly<Record<string, unknown>> = {},
  ) {
    super(title, status);
    this.problem = {
      type: `urn:countersign:problem:${code}`,
      title,
      status,
      ...(detail === undefined ? {} : { detail }),
      ...extensions,
    };
  }

  readonly problem: Problem;
}
