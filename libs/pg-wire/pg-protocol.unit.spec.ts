import { Readable } from 'node:stream';
import { parse, serialize } from 'pg-protocol';
import { writeBackendKeyData } from './backend-key-data.js';
import { readBind } from './bind-message.js';
import { writeErrorResponse, writeNoticeResponse } from './error-response.js';
import { readExecute } from './execute-message.js';
import { readName } from './name-message.js';
import { readParse } from './parse-message.js';
import { readQuery } from './query-message.js';
import { readStartupPacket } from './startup-packet.js';

/** Another implementation of the same protocol: what it writes we read, and what we write it reads. */
describe('pg-protocol, as a peer', () => {
  it('writes client messages that we read as they were meant', () => {
    expect(readQuery(serialize.query('SELECT 1')).toString()).toBe('SELECT 1');
    expect(readParse(serialize.parse({ name: 'p', text: 'SELECT $1', types: [23] }))).toMatchObject({
      name: 'p',
      parameterTypes: [23],
    });
    const bind = readBind(
      serialize.bind({ portal: 'c', statement: 'p', values: ['one', null, Buffer.from([0, 1])] }),
    );
    expect(bind).toMatchObject({ portal: 'c', statement: 'p' });
    expect(bind.parameters.map((value) => value?.toString('hex') ?? null)).toEqual(['6f6e65', null, '0001']);
    expect(readExecute(serialize.execute({ portal: 'c', rows: 7 }))).toMatchObject({
      portal: 'c',
      maxRows: 7,
    });
    expect(readName(serialize.describe({ type: 'S', name: 'p' }))).toEqual({ of: 'statement', name: 'p' });
    expect(readName(serialize.close({ type: 'P', name: 'c' }))).toEqual({ of: 'portal', name: 'c' });
    expect(readStartupPacket(serialize.startup({ user: 'alice', database: 'shop' }))).toMatchObject({
      kind: 'startup',
    });
  });

  it('reads server messages that we write as they were meant', async () => {
    const seen: { name: string; [field: string]: unknown }[] = [];
    const stream = Readable.from([
      writeErrorResponse({
        severity: 'ERROR',
        code: '42501',
        message: 'refused',
        detail: 'why',
        hint: 'how',
      }),
      writeNoticeResponse({ severity: 'NOTICE', code: '00000', message: 'held' }),
      writeBackendKeyData({ pid: 42, secret: Buffer.from([0, 0, 0, 9]) }),
    ]);
    await parse(stream, (message) => seen.push(message as never));
    expect(seen).toMatchObject([
      { name: 'error', severity: 'ERROR', code: '42501', message: 'refused', detail: 'why', hint: 'how' },
      { name: 'notice', message: 'held' },
      { name: 'backendKeyData', processID: 42, secretKey: 9 },
    ]);
  });
});
