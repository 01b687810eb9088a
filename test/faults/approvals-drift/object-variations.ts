import { beforeRetry, update, whileHeld, type Variation } from './variation.js';

type Sql = (table: string) => string;
const nothing: Sql = () => 'SELECT 1';
const viaView: Sql = (t) => `UPDATE ${t}_view SET v = v + 1`;
const makeView: Sql = (t) =>
  `CREATE VIEW ${t}_view AS SELECT id, v FROM ${t}; GRANT ALL ON ${t}_view TO shop_app`;
const trigger = (t: string, body: string): string =>
  `CREATE OR REPLACE FUNCTION ${t}_trigger() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN ${body} RETURN new; END $$;`;
const makeTrigger: Sql = (t) =>
  `${trigger(t, '')} CREATE TRIGGER watch BEFORE UPDATE ON ${t} FOR EACH ROW EXECUTE FUNCTION ${t}_trigger()`;

/** What is there before, what changes, and the statement that depends on it. */
const CHANGES: readonly (readonly [name: string, before: Sql, change: Sql, statement?: Sql])[] = [
  [
    'a function with another body',
    nothing,
    (t) => `CREATE OR REPLACE FUNCTION ${t}_f(v int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT v + 100'`,
  ],
  [
    'a function that is now plpgsql',
    nothing,
    (t) =>
      `CREATE OR REPLACE FUNCTION ${t}_f(v int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN v + 1; END'`,
  ],
  ['a function that is now volatile', nothing, (t) => `ALTER FUNCTION ${t}_f(int) VOLATILE`],
  ['a function that is now security definer', nothing, (t) => `ALTER FUNCTION ${t}_f(int) SECURITY DEFINER`],
  ['a function with a search_path', nothing, (t) => `ALTER FUNCTION ${t}_f(int) SET search_path = pg_temp`],
  [
    'a function dropped and made again',
    nothing,
    (t) =>
      `DROP FUNCTION ${t}_f(int); CREATE FUNCTION ${t}_f(v int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT v + 1'`,
  ],
  [
    'a function of the same name for another type',
    nothing,
    (t) => `CREATE FUNCTION ${t}_f(v bigint) RETURNS int LANGUAGE sql AS 'SELECT 7'`,
  ],
  [
    'a function that a function calls',
    (t) =>
      `CREATE FUNCTION ${t}_g() RETURNS int LANGUAGE sql AS 'SELECT 1'; DROP FUNCTION ${t}_f(int); CREATE FUNCTION ${t}_f(v int) RETURNS int RETURN v + ${t}_g()`,
    (t) => `CREATE OR REPLACE FUNCTION ${t}_g() RETURNS int LANGUAGE sql AS 'SELECT 99'`,
  ],
  [
    'a new trigger',
    (t) => trigger(t, 'new.v := 99;'),
    (t) => `CREATE TRIGGER later BEFORE UPDATE ON ${t} FOR EACH ROW EXECUTE FUNCTION ${t}_trigger()`,
  ],
  ['a trigger’s function with another body', makeTrigger, (t) => trigger(t, 'new.v := 99;')],
  ['a trigger disabled', makeTrigger, (t) => `ALTER TABLE ${t} DISABLE TRIGGER watch`],
  ['a trigger dropped', makeTrigger, (t) => `DROP TRIGGER watch ON ${t}`],
  ['a rule', nothing, (t) => `CREATE RULE also AS ON UPDATE TO ${t} DO ALSO DELETE FROM orders WHERE false`],
  ['a rule instead', nothing, (t) => `CREATE RULE instead AS ON UPDATE TO ${t} DO INSTEAD NOTHING`],
  ['a column more', nothing, (t) => `ALTER TABLE ${t} ADD COLUMN w int`],
  ['a column of another type', nothing, (t) => `ALTER TABLE ${t} ALTER COLUMN v TYPE bigint`],
  ['a column with another default', nothing, (t) => `ALTER TABLE ${t} ALTER COLUMN v SET DEFAULT 5`],
  [
    'a column renamed away and another in its place',
    nothing,
    (t) => `ALTER TABLE ${t} RENAME COLUMN v TO old; ALTER TABLE ${t} ADD COLUMN v int NOT NULL DEFAULT 0`,
  ],
  ['a check', nothing, (t) => `ALTER TABLE ${t} ADD CHECK (v < 1000)`],
  [
    'a table of the same name and another oid',
    nothing,
    (t) =>
      `ALTER TABLE ${t} RENAME TO ${t}_watched; CREATE TABLE ${t} (LIKE ${t}_watched INCLUDING ALL); GRANT ALL ON ${t} TO shop_app`,
  ],
  [
    'a view in the place of the table',
    nothing,
    (t) =>
      `ALTER TABLE ${t} RENAME TO ${t}_watched; CREATE VIEW ${t} AS SELECT id, v FROM ${t}_watched; GRANT ALL ON ${t} TO shop_app`,
  ],
  ['a child that inherits', nothing, (t) => `CREATE TABLE ${t}_child () INHERITS (${t})`],
  [
    'a foreign key that cascades',
    nothing,
    (t) => `CREATE TABLE ${t}_ref (id int REFERENCES ${t} ON UPDATE CASCADE)`,
  ],
  [
    'row security',
    nothing,
    (t) =>
      `ALTER TABLE ${t} ENABLE ROW LEVEL SECURITY; ALTER TABLE ${t} FORCE ROW LEVEL SECURITY; CREATE POLICY p ON ${t} USING (id = 1)`,
  ],
  ['another owner', nothing, (t) => `ALTER TABLE ${t} OWNER TO drift_other; GRANT ALL ON ${t} TO shop_app`],
  [
    'a view redefined',
    makeView,
    (t) => `CREATE OR REPLACE VIEW ${t}_view AS SELECT id, v FROM ${t} WHERE id > 1`,
    viaView,
  ],
  ['a view’s table changed', makeView, (t) => `ALTER TABLE ${t} ADD COLUMN w int`, viaView],
  [
    'a view upon a view redefined',
    (t) =>
      `CREATE VIEW ${t}_inner AS SELECT id, v FROM ${t}; CREATE VIEW ${t}_view AS SELECT id, v FROM ${t}_inner; GRANT ALL ON ${t}_view, ${t}_inner TO shop_app`,
    (t) => `CREATE OR REPLACE VIEW ${t}_inner AS SELECT id, v FROM ${t} WHERE id > 2`,
    viaView,
  ],
];

export const objectVariations = (): Variation[] => [
  { ...whileHeld('nothing changed', nothing, nothing), control: true },
  { ...beforeRetry('nothing changed', nothing, nothing), control: true },
  ...CHANGES.flatMap(([name, before, change, statement = update]) => [
    whileHeld(name, before, change, statement),
    beforeRetry(name, before, change, statement),
  ]),
];
