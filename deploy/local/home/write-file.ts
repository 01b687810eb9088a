import { rename, unlink, writeFile } from 'node:fs/promises';

let written = 0;

/** Writes a file that readers see whole or not at all, mode 0600. */
export async function writeSecretFile(file: string, text: string): Promise<void> {
  const temporary = `${file}.${process.pid}.${(written += 1)}.tmp`;
  try {
    await writeFile(temporary, text, { mode: 0o600, flag: 'wx' });
    await rename(temporary, file);
  } catch (error) {
    await unlink(temporary).catch((_missing: unknown) => undefined);
    throw error;
  }
}

export const writeSecretJson = (file: string, value: unknown): Promise<void> =>
  writeSecretFile(file, `${JSON.stringify(value, null, 2)}\n`);
