import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { createSqlAnalyzer } from '#libs/sql/sql-analyzer.js';
import { temporaryPostgres } from '#libs/testing/temporary-postgres.js';
import { newTally, runScript } from './run-regression.js';

/** Scripts that others stand on, in the order in which PostgreSQL's own schedule has them; then all others. */
const FIRST =
  `test_setup boolean char name varchar text int2 int4 int8 oid float4 float8 bit numeric uuid enum
  money rangetypes strings numerology point lseg line box path polygon circle date time timetz timestamp
  timestamptz interval inet macaddr macaddr8 multirangetypes geometry horology copy copyselect copydml insert
  insert_conflict create_function_c create_misc create_operator create_procedure create_table create_type
  create_schema create_index create_index_spgist create_view index_including create_aggregate
  create_function_sql create_cast constraints triggers select inherit typed_table updatable_views`.split(
    /\s+/,
  );

const [folder, ...only] = process.argv.slice(2);
if (folder === undefined) {
  console.error("usage: npm run regression-sql -- <folder of PostgreSQL's src/test/regress/sql> [script …]");
  process.exit(2);
}
const scripts = (await readdir(folder))
  .filter((name) => name.endsWith('.sql'))
  .map((name) => name.slice(0, -4));
const order = [
  ...FIRST.filter((name) => scripts.includes(name)),
  ...scripts.filter((name) => !FIRST.includes(name)).sort(),
];
const wanted = only.length === 0 ? order : order.filter((name) => only.includes(name));

const postgres = await temporaryPostgres({
  fsync: 'off',
  max_prepared_transactions: '2',
  wal_level: 'logical',
});
const analyzer = createSqlAnalyzer();
const tally = newTally();
try {
  for (const name of wanted) {
    const before = { ...tally, disagreements: tally.disagreements.length };
    const run = { url: postgres.adminUrl(), analyzer, tally };
    await runScript(path.join(folder, `${name}.sql`), run).catch((error: unknown) => {
      console.log(`${name}: broke off: ${String(error)}`);
    });
    const found = tally.disagreements.slice(before.disagreements);
    console.log(`${name}: ${tally.statements - before.statements} statements, ${found.length} disagreements`);
    for (const { about, where, detail, text } of found)
      console.log(`  ${about} ${where}: ${detail}\n    ${text.replaceAll(/\s+/g, ' ').slice(0, 400)}`);
  }
} finally {
  await analyzer.close();
  await postgres.dispose();
}
const { statements, parsed, succeeded, compared, incomplete, skipped, disagreements } = tally;
console.log(
  JSON.stringify({
    statements,
    skipped,
    parsed,
    succeeded,
    compared,
    incomplete,
    disagreed: disagreements.length,
  }),
);
process.exit(disagreements.length === 0 && statements > 0 ? 0 : 1);
