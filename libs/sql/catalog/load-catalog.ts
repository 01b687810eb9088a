import { sha256Hex } from '#libs/kernel/hash.js';
import type { CatalogRows } from './catalog-rows.js';
import { CATALOG_QUERY } from './catalog-query.js';

/** A database's catalog at one moment. Kept as the JSON of CatalogRows: only a parser thread decodes it. */
export interface CatalogSnapshot {
  /** SHA-256 of `json`: the same where nothing that a statement could mean has changed. */
  readonly version: string;
  readonly json: string;
  /** The role it was read as, whose rights decide which schemas a search_path leads to. */
  readonly role: string;
  /** Schemas that the role may use. */
  readonly usableSchemas: ReadonlySet<string>;
}

/** Runs one query and returns its rows as text, columns in order. */
export type RunQuery = (text: string) => Promise<readonly (readonly (string | null)[])[]>;

/**
 * Reads the catalog by one query. The connection's search_path must be `pg_catalog`, its role the one
 * that sessions have; otherwise names would not mean what they mean to them. Rejects as `run` does.
 */
export async function loadCatalog(run: RunQuery): Promise<CatalogSnapshot> {
  const sections = new Map((await run(CATALOG_QUERY)).map(([name, body]) => [name ?? '', body ?? 'null']));
  const json = `{${[...sections].map(([name, body]) => `${JSON.stringify(name)}:${body}`).join(',')}}`;
  const server = JSON.parse(sections.get('server') ?? '{}') as CatalogRows['server'];
  const schemas = JSON.parse(sections.get('schemas') ?? '[]') as CatalogRows['schemas'];
  return {
    version: sha256Hex(Buffer.from(json, 'utf8')),
    json,
    role: server.role,
    usableSchemas: new Set(schemas.filter(([, , usable]) => usable).map(([, name]) => name)),
  };
}
