/** A policy that is refused whole. The message is one line: file, line from 1, and what is wrong. */
export class PolicyError extends Error {
  constructor(
    readonly file: string,
    readonly line: number,
    readonly reason: string,
  ) {
    super(`${file}:${line}: ${reason}`);
    this.name = 'PolicyError';
  }
}
