import { Catalog } from './catalog.js';
import type { CatalogRows } from './catalog-rows.js';

/** Catalogs by version, decoded, in one parser thread: the last few that were used. */
export class CatalogCache {
  private readonly catalogs = new Map<string, Catalog>();

  constructor(private readonly maxCatalogs = 8) {}

  get(version: string): Catalog | undefined {
    return this.catalogs.get(version);
  }

  add(version: string, json: string): void {
    this.catalogs.set(version, new Catalog(JSON.parse(json) as CatalogRows));
    while (this.catalogs.size > this.maxCatalogs) {
      const oldest = this.catalogs.keys().next().value;
      if (oldest === undefined) return;
      this.catalogs.delete(oldest);
    }
  }
}
