import load from 'libpg-query/wasm/libpg-query.js';
import type { Token } from './credentials.js';

/**
 * The largest result that is decoded, bytes of JSON. A thread that runs out of heap inside JSON.parse
 * takes the whole process with it, so this bound, with the thread's heap limit far above what it can
 * become, is what keeps a text from doing that. It is why libpg-query's own wrapper is not used: that
 * decodes whatever comes.
 */
const MAX_RESULT_BYTES = 32 * 1024 * 1024;

export type Parsed =
  | { readonly ok: true; readonly tree: unknown }
  /** `position` counts characters from 1; 1 also where the grammar knows no place. */
  | { readonly ok: false; readonly problem: 'syntax'; readonly message: string; readonly position: number }
  | { readonly ok: false; readonly problem: 'too-large' };

/** PostgreSQL 18's scanner and grammar. Throws what WASM throws when it breaks; then it is of no more use. */
export interface Grammar {
  parse(text: string): Parsed;
  /** The tokens of a text that parses, comments included; undefined when there are too many to look at. */
  scan(text: string): readonly Token[] | undefined;
  /** 16 hexadecimal digits, the same for texts that differ in constants only; undefined where it gives none. */
  fingerprint(text: string): string | undefined;
  /** The tree of a trigger function's body in PL/pgSQL; undefined where it has none. */
  trigger(source: string): unknown;
}

/** Longer bodies are not looked at, characters. */
const MAX_TRIGGER = 65_536;
const BRACE = 0x7b;
const QUOTE = '$countersign$';

const FINGERPRINT = /^[0-9a-f]{16}$/;

/** Fingerprints that are kept, of texts up to so many characters: most are asked for again and again. */
const MAX_FINGERPRINTS = 4_096;
const MAX_FINGERPRINTED = 2_048;

export async function loadGrammar(): Promise<Grammar> {
  const wasm = await load();

  const withText = <T>(text: string, use: (pointer: number) => T): T => {
    const bytes = wasm.lengthBytesUTF8(text) + 1;
    const pointer = wasm._malloc(bytes);
    if (pointer === 0) throw new Error('out of memory');
    try {
      wasm.stringToUTF8(text, pointer, bytes);
      return use(pointer);
    } finally {
      wasm._free(pointer);
    }
  };
  const decode = (pointer: number): unknown => JSON.parse(wasm.UTF8ToString(pointer));
  const isTooLarge = (pointer: number): boolean =>
    wasm.HEAPU8.indexOf(0, pointer) - pointer > MAX_RESULT_BYTES;

  /** '' where the grammar gives none. */
  const fingerprintOf = (text: string): string =>
    withText(text, (pointer) => {
      const result = wasm._wasm_fingerprint(pointer);
      if (result === 0) throw new Error('the grammar gave no result');
      try {
        // Errors come the same way.
        const answer = wasm.UTF8ToString(result);
        return FINGERPRINT.test(answer) ? answer : '';
      } finally {
        wasm._wasm_free_string(result);
      }
    });
  const fingerprints = new Map<string, string>();

  /** PgQueryParseResult: tree, stderr, error. PgQueryError: message, function, file, line, position. */
  const readResult = (result: number): Parsed => {
    const error = wasm.getValue(result + 8, 'i32');
    if (error !== 0) {
      const message = wasm.getValue(error, 'i32');
      return {
        ok: false,
        problem: 'syntax',
        message: message === 0 ? 'syntax error' : wasm.UTF8ToString(message),
        position: Math.max(1, wasm.getValue(error + 16, 'i32')),
      };
    }
    const tree = wasm.getValue(result, 'i32');
    if (tree === 0) throw new Error('the grammar gave no result');
    return isTooLarge(tree) ? { ok: false, problem: 'too-large' } : { ok: true, tree: decode(tree) };
  };

  return {
    parse: (text) =>
      withText(text, (pointer) => {
        const result = wasm._wasm_parse_query_raw(pointer);
        if (result === 0) throw new Error('the grammar gave no result');
        try {
          return readResult(result);
        } finally {
          wasm._wasm_free_parse_result(result);
        }
      }),
    scan: (text) =>
      withText(text, (pointer) => {
        const result = wasm._wasm_scan(pointer);
        if (result === 0) throw new Error('the scanner gave no result');
        try {
          if (isTooLarge(result)) return undefined;
          return (decode(result) as { tokens: readonly Token[] }).tokens;
        } finally {
          wasm._wasm_free_string(result);
        }
      }),
    trigger: (source) => {
      if (source.length > MAX_TRIGGER || source.includes(QUOTE) || source.includes('\0')) return undefined;
      const text = `CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS ${QUOTE}${source}${QUOTE}`;
      return withText(text, (pointer) => {
        const result = wasm._wasm_parse_plpgsql(pointer);
        if (result === 0) throw new Error('the grammar gave no result');
        try {
          // Errors come the same way, as text.
          return isTooLarge(result) || wasm.HEAPU8[result] !== BRACE ? undefined : decode(result);
        } finally {
          wasm._wasm_free_string(result);
        }
      });
    },
    fingerprint: (text) => {
      let known = fingerprints.get(text);
      if (known === undefined) {
        known = fingerprintOf(text);
        if (fingerprints.size >= MAX_FINGERPRINTS) fingerprints.clear();
        if (text.length <= MAX_FINGERPRINTED) fingerprints.set(text, known);
      }
      return known === '' ? undefined : known;
    },
  };
}
