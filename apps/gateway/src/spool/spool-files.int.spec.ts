import { mkdir, readdir, readFile, stat, truncate } from 'node:fs/promises';
import path from 'node:path';
import { nodeFiles } from './spool-files.js';
import { temporaryFolder } from './temporary-spool.js';

const header = Buffer.alloc(4096, 'h');

describe('the file system of the spool', () => {
  let folder: string;
  let dispose: () => Promise<void>;

  beforeEach(async () => {
    ({ folder, dispose } = await temporaryFolder());
    await nodeFiles.makeFolder(folder);
  });
  afterEach(() => dispose());

  it('makes a folder that nobody else can enter, with the folders above it', async () => {
    const deep = path.join(folder, 'a', 'b');
    await nodeFiles.makeFolder(deep);
    expect((await stat(deep)).mode & 0o777).toBe(0o700);
    await nodeFiles.makeFolder(deep);
  });

  it('preallocates a segment as zeros behind its header, and shows it only when it is whole', async () => {
    const file = path.join(folder, 'segment');
    await nodeFiles.createSegment(file, header, 3_000_000);
    const bytes = await readFile(file);
    expect(bytes).toHaveLength(3_000_000);
    expect(bytes.subarray(0, 4096).equals(header)).toBe(true);
    expect(bytes.subarray(4096).every((byte) => byte === 0)).toBe(true);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['segment']);

    await mkdir(`${file}-2`);
    await expect(nodeFiles.createSegment(`${file}-2`, header, 8192)).rejects.toThrow();
  });

  it('writes where it is told, and on Linux each write waits for the disk', async () => {
    const file = path.join(folder, 'segment');
    await nodeFiles.createSegment(file, header, 16_384);
    const descriptor = await nodeFiles.openForAppend(file);
    if (process.platform === 'linux') {
      const flags = /flags:\s+([0-7]+)/.exec(await readFile(`/proc/self/fdinfo/${descriptor}`, 'utf8'))?.[1];
      expect(Number.parseInt(flags ?? '0', 8) & 0o10000).toBe(0o10000);
    }
    const error = await new Promise((resolve) => {
      nodeFiles.writeDurably(descriptor, Buffer.from('abcdef'), 3, 5000, resolve);
    });
    expect(error).toBeNull();
    expect((await readFile(file)).toString('latin1', 4998, 5005)).toBe('\0\0abc\0\0');
    await nodeFiles.close(descriptor);
    const closed = await new Promise<{ code: string }>((resolve) => {
      nodeFiles.writeDurably(descriptor, Buffer.from('abcdef'), 3, 5000, (failure) =>
        resolve(failure as unknown as { code: string }),
      );
    });
    expect(closed.code).toBe('EBADF');
  });

  it('reads up to the end of the file and says how much', async () => {
    const file = path.join(folder, 'segment');
    await nodeFiles.createSegment(file, header, 8192);
    await truncate(file, 5000);
    const descriptor = await nodeFiles.openForRead(file);
    const buffer = Buffer.alloc(2000);
    expect(await nodeFiles.read(descriptor, buffer, 4000)).toBe(1000);
    await nodeFiles.close(descriptor);
  });

  it('removes a file that is there, and minds none that is not', async () => {
    const file = path.join(folder, 'segment');
    await nodeFiles.createSegment(file, header, 8192);
    await nodeFiles.remove(file);
    await nodeFiles.remove(file);
    expect(await readdir(folder)).toEqual([]);
  });
});
