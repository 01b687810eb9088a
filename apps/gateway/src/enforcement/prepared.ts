import type { KnownText } from './known-text.js';

/** A prepared statement, made by Parse or by PREPARE. */
export interface Prepared {
  readonly known: KnownText;
  /** As the client declared them. */
  readonly parameterTypes: readonly number[];
  /** Its long text is already in the record of this session. */
  readonly chunked: boolean;
}

/** A portal, made by Bind or by DECLARE. */
export interface Portal {
  readonly prepared: Prepared;
  readonly formats: readonly (0 | 1)[];
  readonly parameters: readonly (Buffer | null)[];
  readonly resultFormats: readonly (0 | 1)[];
  /** DECLARE: may outlive its transaction (WITH HOLD). */
  readonly declared: boolean;
}
