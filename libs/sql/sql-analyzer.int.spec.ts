import type { AnalysisResult, SqlAnalyzer } from './analysis.js';
import { createSqlAnalyzer } from './sql-analyzer.js';

describe('the analyzer', () => {
  let analyzer: SqlAnalyzer;
  beforeAll(() => {
    analyzer = createSqlAnalyzer({ maxTextBytes: 1_000_000 });
  });
  afterAll(() => analyzer.close());

  const refused = (result: AnalysisResult): string => (result.ok ? 'accepted' : result.sqlstate);

  /** What follows a hostile text is answered as if nothing had been. */
  const goesOn = async (): Promise<void> => {
    const result = await analyzer.analyze(`SELECT ${Math.random()}`);
    expect(result).toMatchObject({ ok: true, analysis: { statements: [{ kind: 'SELECT' }] } });
  };

  it('answers a repeated text from its cache, the same object each time', async () => {
    expect(analyzer.cached('SELECT 42')).toBeUndefined();
    const result = await analyzer.analyze('SELECT 42');
    expect(analyzer.cached('SELECT 42')).toBe(result);
    expect(await analyzer.analyze('SELECT 42')).toBe(result);
  });

  it('parses forty long sums, which break the grammar on a small stack', async () => {
    const patient = createSqlAnalyzer({ parseLimitMs: 30_000 });
    try {
      for (let index = 0; index < 40; index += 1) {
        const result = await patient.analyze(`SELECT 1${'+1'.repeat(20_000)} AS c${index}`);
        expect(result).toMatchObject({ ok: true });
      }
    } finally {
      await patient.close();
    }
  }, 60_000);

  it.each([
    ['nested comments', `${'/*'.repeat(40_000)}${'*/'.repeat(40_000)}SELECT 1`, '54000'],
    ['comments that do not end', '/*'.repeat(80_000), '54000'],
    ['deep parentheses', `SELECT ${'('.repeat(100_000)}1${')'.repeat(100_000)}`, '42601'],
    ['deep subqueries', `SELECT ${'(SELECT '.repeat(20_000)}1${')'.repeat(20_000)}`, '42601'],
    ['deep negation', `SELECT ${'NOT '.repeat(100_000)}true`, '42601'],
    ['deep CASE', `SELECT ${'CASE WHEN true THEN '.repeat(20_000)}1${' END'.repeat(20_000)}`, '42601'],
    ['a tree too large to hold', `SELECT ${'1,'.repeat(450_000)}1`, '54000'],
    [
      'too many names',
      `SELECT * FROM ${Array.from({ length: 5_001 }, (_, index) => `t${index}`).join()}`,
      '54000',
    ],
    ['too many statements', 'SELECT 1;'.repeat(1_001), '54000'],
    ['a text over the cap', `SELECT '${'x'.repeat(1_000_000)}'`, '54000'],
    ['a NUL', "SELECT '\0'", '22021'],
    ['a lone surrogate', "SELECT '\ud800'", '22021'],
    ['no SQL at all', 'SELEC 1', '42601'],
    ['a zero-width space before the keyword', '\u200bSELECT 1', '42601'],
  ])('refuses %s and goes on', async (_name, text, sqlstate) => {
    const started = performance.now();
    expect(refused(await analyzer.analyze(text))).toBe(sqlstate);
    expect(performance.now() - started).toBeLessThan(10_000);
    await goesOn();
  });

  it('answers texts that wait together, each its own', async () => {
    const texts = Array.from({ length: 200 }, (_, index) => `SELECT * FROM t${index}`);
    const results = await Promise.all(texts.map((text) => analyzer.analyze(text)));
    const reads = results.map((result) => (result.ok ? result.analysis.statements[0]?.reads[0] : undefined));
    expect(reads).toEqual(texts.map((text) => text.slice('SELECT * FROM '.length)));
  });
});

describe('a text that outlasts the parser', () => {
  it('costs its thread, is refused, and those behind it are answered', async () => {
    const analyzer = createSqlAnalyzer({ parseLimitMs: 400 });
    try {
      const slow = analyzer.analyze(`SELECT ${'1,'.repeat(2_000_000)}1`);
      const behind = analyzer.analyze('SELECT 1');
      expect(await slow).toMatchObject({ ok: false, sqlstate: '54000' });
      expect(await behind).toMatchObject({ ok: true });
    } finally {
      await analyzer.close();
    }
  });

  it('leaves those it was asked together with to be asked alone, each with an answer of its own', async () => {
    const analyzer = createSqlAnalyzer({ parseLimitMs: 1 });
    try {
      const texts = Array.from({ length: 8 }, (_, index) => `SELECT ${'1,'.repeat(1_500)}1 FROM t${index}`);
      const results = await Promise.all(texts.map((text) => analyzer.analyze(text)));
      for (const [index, result] of results.entries()) {
        if (result.ok) expect(result.analysis.statements[0]?.reads).toEqual([`t${index}`]);
        else expect(result).toMatchObject({ sqlstate: '54000', message: expect.stringContaining('1 ms') });
      }
    } finally {
      await analyzer.close();
    }
  }, 60_000);

  it('is refused at once where too many wait', async () => {
    const analyzer = createSqlAnalyzer({ maxWaiting: 1 });
    try {
      const results = await Promise.all(
        ['SELECT 1', 'SELECT 2', 'SELECT 3'].map((text) => analyzer.analyze(text)),
      );
      expect(results.map((result) => result.ok)).toEqual([true, true, false]);
    } finally {
      await analyzer.close();
    }
  });
});

describe('a closed analyzer', () => {
  it('answers no more', async () => {
    const analyzer = createSqlAnalyzer();
    await analyzer.close();
    await expect(analyzer.analyze('SELECT 1')).rejects.toMatchObject({ code: 'ANALYZER_CLOSED' });
  });
});
