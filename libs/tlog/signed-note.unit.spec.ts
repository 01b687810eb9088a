import { createPrivateKey, createPublicKey, sign, type KeyObject } from 'node:crypto';
import { formatCheckpoint, openCheckpoint, parseCheckpoint } from './checkpoint.js';
import { CompactRange } from './compact-range.js';
import { leafHash } from './hashing.js';
import { parseNote, signNote, verifyNote } from './signed-note.js';
import { formatVkey, noteVerifier, parseVkey } from './vkey.js';

/** An Ed25519 key from a seed of 32 counting bytes (PKCS#8 of RFC 8410). */
function keyFrom(first: number): KeyObject {
  const seed = Buffer.from(Array.from({ length: 32 }, (_, index) => first + index));
  const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed]);
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

const logKey = keyFrom(0x00);
const witnessKey = keyFrom(0x20);
const ORIGIN = 'audit.example/approvals/0';
const log = noteVerifier(ORIGIN, 'log', createPublicKey(logKey));
const witness = noteVerifier('witness.example/w1', 'witness', createPublicKey(witnessKey));

const GOLDEN_LOG_LINE =
  '— audit.example/approvals/0 +SEni9gGw44TVNaxZnBbf7KBcQMxpIMar0P2BwJWpJZfvIqeDHGNJWL1kL8zBFc98s3S8E6pR3nkNQ4X8HEsd6KG2AM=\n';
const GOLDEN_WITNESS_LINE =
  '— witness.example/w1 IDJKvgAAAABpVbkAoT0RwLA1XQwiVad/ZF/dr43jxsaF2dqU6HJUAd2V1H17sRdqN3+Pkj8ubAf1H+urbF9dWvnueh8/Zv8OO+epDA==\n';
const GOLDEN_BODY = 'audit.example/approvals/0\n3\nWqx3HImawpLnS/Gv4ubjAvi1WIOy0b8Ze0amvqbavKk=\n';
const GOLDEN = `${GOLDEN_BODY}\n${GOLDEN_LOG_LINE}${GOLDEN_WITNESS_LINE}`;

const open = (note: string): unknown => {
  const opened = openCheckpoint(Buffer.from(note), log, [witness]);
  return opened.ok ? opened.checkpoint.size : opened.problem;
};

describe('signed checkpoints', () => {
  it('have the golden bytes: body, both signatures, both keys', () => {
    const range = CompactRange.empty();
    for (const leaf of ['one', 'two', 'three']) range.append(leafHash(Buffer.from(leaf)));
    const body = formatCheckpoint({ origin: ORIGIN, size: range.size, root: range.root() });
    expect(body).toBe(GOLDEN_BODY);
    expect(signNote(body, log, logKey).toString()).toBe(`${GOLDEN_BODY}\n${GOLDEN_LOG_LINE}`);
    expect(formatVkey(log)).toBe(
      'audit.example/approvals/0+f921278b+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4',
    );
    expect(formatVkey(witness)).toBe(
      'witness.example/w1+20324abe+BCmsuuFBvMrwsi4alNNNC8c2HlJtC/4SyJeUvJMilm3X',
    );
    const checked = verifyNote(Buffer.from(GOLDEN), [log, witness]);
    expect(checked.ok && checked.signedBy.map((key) => key.name)).toEqual([ORIGIN, 'witness.example/w1']);
    expect(open(GOLDEN)).toBe(3n);
  });

  it('are read in their one form only', () => {
    const variants: Record<string, string> = {
      'carriage returns': GOLDEN.replaceAll('\n', '\r\n'),
      'a leading zero': GOLDEN.replace('\n3\n', '\n03\n'),
      'an extension line': GOLDEN.replace('=\n\n', '=\nextension\n\n'),
      'a blank line in the body': GOLDEN.replace('\n3\n', '\n\n3\n'),
      'a hyphen for the dash': GOLDEN.replace('— audit', '- audit'),
      'no newline at the end': GOLDEN.slice(0, -1),
      'base64 that is not canonical': GOLDEN.replace('G2AM=\n', 'G2AN=\n'),
      'a root that is not canonical': GOLDEN.replace('avKk=\n', 'avKl=\n'),
      'base64 without its padding': GOLDEN.replace('G2AM=\n', 'G2AM\n'),
      'a blank line after the signatures': `${GOLDEN}\n`,
      'no signature': `${GOLDEN_BODY}\n`,
      'a minus': GOLDEN.replace('\n3\n', '\n-3\n'),
      'a NUL': GOLDEN.replace('\n3\n', '\n3\u0000\n'),
      'a short root': GOLDEN.replace('Wqx3', ''),
      'a space in the origin': GOLDEN.replace('audit.example/approvals/0\n3', 'audit example\n3'),
      '101 signatures': `${GOLDEN_BODY}\n${GOLDEN_LOG_LINE.repeat(101)}`,
      'not UTF-8': GOLDEN,
    };
    for (const [name, note] of Object.entries(variants)) {
      const noteBytes =
        name === 'not UTF-8' ? Buffer.concat([Buffer.from([0xff]), Buffer.from(note)]) : Buffer.from(note);
      const wellFormed = parseNote(noteBytes);
      const body = wellFormed === undefined ? undefined : parseCheckpoint(wellFormed.text);
      expect([name, body]).toEqual([name, undefined]);
      const opened = openCheckpoint(noteBytes, log);
      expect([name, opened.ok]).toEqual([name, false]);
    }
  });

  it('take at least 16 signature lines and ignore unknown keys', () => {
    const unknown = GOLDEN_WITNESS_LINE.replace('witness.example/w1', 'witness.example/unknown');
    expect(open(GOLDEN_BODY + '\n' + unknown.repeat(16) + GOLDEN_LOG_LINE)).toBe(3n);
  });

  it('say what is wrong with who signed', () => {
    expect(open(`${GOLDEN_BODY}\n${GOLDEN_WITNESS_LINE}`)).toBe('NO_TRUSTED_SIGNATURE');
    expect(open(GOLDEN.replace('\n3\n', '\n4\n'))).toBe('SIG_INVALID');
    const other = noteVerifier('audit.example/other/0', 'log', createPublicKey(logKey));
    expect(openCheckpoint(Buffer.from(GOLDEN), other)).toEqual({
      ok: false,
      problem: 'NO_TRUSTED_SIGNATURE',
    });
    const foreign = GOLDEN_BODY.replace('approvals/0', 'approvals/1');
    expect(open(signNote(foreign, log, logKey).toString())).toBe('ORIGIN_MISMATCH');
  });

  it('are rejected whole when one known key signed badly, even beside a good one', () => {
    const bad = sign(null, Buffer.from('another text'), witnessKey);
    const line = `— ${witness.name} ${Buffer.concat([witness.keyId, Buffer.alloc(8), bad]).toString('base64')}\n`;
    expect(open(`${GOLDEN_BODY}\n${GOLDEN_LOG_LINE}${line}`)).toBe('SIG_INVALID');
  });

  it('are read after any one bit is changed either not at all or as unsigned', () => {
    const note = Buffer.from(`${GOLDEN_BODY}\n${GOLDEN_LOG_LINE}`);
    for (let bit = 0; bit < note.length * 8; bit += 1) {
      const copy = Buffer.from(note);
      copy[bit >> 3] = (copy[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(openCheckpoint(copy, log).ok).toBe(false);
    }
  });
});

describe('vkeys', () => {
  it('are read back as they were written', () => {
    for (const key of [log, witness]) {
      const parsed = parseVkey(formatVkey(key));
      expect(parsed && formatVkey(parsed)).toBe(formatVkey(key));
    }
  });

  it('are refused with another id, name, type or length', () => {
    const vkey = formatVkey(log);
    for (const bad of [
      vkey.replace('f921278b', 'f921278c'),
      vkey.replace('audit', 'audiT'),
      vkey.replace('+AQ', '+BQ'),
      vkey.replace('f921278b', 'F921278B'),
      `${vkey}AAAA`,
      `${vkey}\n`,
      vkey.slice(0, -4),
      '',
    ])
      expect([bad, parseVkey(bad)]).toEqual([bad, undefined]);
  });

  it('refuse names that a note cannot carry', () => {
    for (const name of ['', 'a b', 'a+b', 'a\nb', 'a\u0000', 'x'.repeat(256)])
      expect(() => noteVerifier(name, 'log', log.publicKey)).toThrow(RangeError);
  });
});
