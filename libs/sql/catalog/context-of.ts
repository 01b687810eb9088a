import type { ResolutionContext } from '../resolve/resolution.js';
import type { TemporaryRelation } from './catalog.js';
import type { CatalogSnapshot } from './load-catalog.js';
import { effectiveSearchPath } from './search-path.js';

/** What a server's sessions begin with. */
export const DEFAULT_SEARCH_PATH = '"$user", public';

/**
 * The context of a session of the catalog's own role, given its search_path setting as the server reports
 * it. A new object: keep it for as long as nothing of this changes, since results are found by it.
 */
export function contextOf(
  catalog: CatalogSnapshot | undefined,
  searchPath: string = DEFAULT_SEARCH_PATH,
  temporary: readonly TemporaryRelation[] = [],
): ResolutionContext {
  if (catalog === undefined) return { catalog, searchPath: [], temporary };
  const path = effectiveSearchPath(searchPath, catalog.role, (schema) => catalog.usableSchemas.has(schema));
  return path === undefined
    ? { catalog, searchPath: [], temporary, doubt: 'the search_path of the session cannot be read' }
    : { catalog, searchPath: path, temporary };
}
