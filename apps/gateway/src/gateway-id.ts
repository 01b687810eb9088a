import { mkdir, open, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, hasCode } from '#libs/kernel/coded-error.js';
import { isUuid } from '#libs/kernel/uuid.js';

/**
 * The id of this gateway: the file `gateway-id` beside the spool, made once and durable when this
 * resolves. Throws CodedError GATEWAY_ID_INVALID when the file holds something else.
 */
export async function keptGatewayId(spoolFolder: string, newId: () => string): Promise<string> {
  const folder = path.dirname(spoolFolder);
  const file = path.join(folder, 'gateway-id');
  const kept = await readFile(file, 'utf8').catch((error: unknown) => {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  });
  if (kept !== undefined) {
    const id = kept.trim();
    if (!isUuid(id)) throw new CodedError('GATEWAY_ID_INVALID', `${file} does not hold the id of a gateway`);
    return id;
  }
  const id = newId();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const making = await open(`${file}.making`, 'w', 0o600);
  try {
    await making.writeFile(`${id}\n`);
    await making.sync();
  } finally {
    await making.close();
  }
  await rename(`${file}.making`, file);
  return id;
}
