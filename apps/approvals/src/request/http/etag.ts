import { ProblemException } from '#libs/http/problem.js';
import type { FoundRequest } from '../read/request-queries.js';

/** Another one after every event of the request and after its outcome: `"7"`, `"7.completed"`. */
export const etagOf = ({ version, outcome }: FoundRequest): string =>
  `"${version}${outcome === undefined ? '' : `.${outcome}`}"`;

/**
 * The version that If-Match asks for; undefined where there is no header, or `*`. A header that is no
 * entity tag of ours can match nothing: version 0 is none.
 */
export function versionOf(ifMatch: string | undefined): number | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined;
  if (ifMatch.length > 200) {
    throw new ProblemException('invalid', 400, 'The request is not valid', 'If-Match: is too long', {
      code: 'invalid',
    });
  }
  const tag = /^\s*"([0-9]{1,9})(?:\.[a-z]+)?"\s*$/.exec(ifMatch)?.[1];
  return tag === undefined ? 0 : Number(tag);
}
