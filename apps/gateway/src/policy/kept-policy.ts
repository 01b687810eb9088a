import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { hasCode } from '#libs/kernel/coded-error.js';

/**
 * The file `policy.event` beside the spool: the last publication that was applied, as the signed bytes it
 * came in. A restart verifies them again and needs no event log to know its policy.
 */
export class KeptPolicy {
  private readonly file: string;

  constructor(spoolFolder: string) {
    this.file = path.join(path.dirname(spoolFolder), 'policy.event');
  }

  async read(): Promise<Buffer | undefined> {
    return readFile(this.file).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    });
  }

  /** Durable when it resolves; a crash leaves the old file or the new one, whole. */
  async keep(bytes: Buffer): Promise<void> {
    await mkdir(path.dirname(this.file), { recursive: true, mode: 0o700 });
    const making = await open(`${this.file}.making`, 'w', 0o600);
    try {
      await making.writeFile(bytes);
      await making.sync();
    } finally {
      await making.close();
    }
    await rename(`${this.file}.making`, this.file);
    const folder = await open(path.dirname(this.file), 'r');
    try {
      await folder.sync();
    } finally {
      await folder.close();
    }
  }
}
