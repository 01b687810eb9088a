import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json, whether this runs from dist or from its source. */
export const packageRoot = above(path.dirname(fileURLToPath(import.meta.url)));

function above(folder: string): string {
  if (existsSync(path.join(folder, 'package.json'))) return folder;
  const parent = path.dirname(folder);
  if (parent === folder) throw new Error('no package.json above this file');
  return above(parent);
}

/** A compiled program of this package. */
export const program = (...parts: string[]): string => path.join(packageRoot, 'dist', ...parts);
