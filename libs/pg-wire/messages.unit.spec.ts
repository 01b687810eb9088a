import fc from 'fast-check';
import { readBind, writeTextBind } from './bind-message.js';
import { readCommandTag, rowsOfTag } from './command-complete.js';
import { readDataRow } from './data-row.js';
import { readErrorFields, writeErrorResponse } from './error-response.js';
import { readExecute, writeExecute } from './execute-message.js';
import { cString, writeFrame } from './frame-writer.js';
import { md5Password } from './md5-password.js';
import { readName } from './name-message.js';
import { readParse, writeParse } from './parse-message.js';
import { ProtocolViolation } from './protocol-violation.js';
import { readQuery, writeQuery } from './query-message.js';
import {
  readStartupPacket,
  startupPacketLength,
  writeCancelRequest,
  writeStartupMessage,
} from './startup-packet.js';

describe('messages', () => {
  it('are read as they were written', () => {
    expect(readQuery(writeQuery('SELECT 1')).toString()).toBe('SELECT 1');
    expect(readParse(writeParse('s', 'SELECT $1', [23]))).toEqual({
      name: 's',
      text: Buffer.from('SELECT $1'),
      parameterTypes: [23],
    });
    expect(readBind(writeTextBind('p', 's', ['a']))).toEqual({
      portal: 'p',
      statement: 's',
      formats: [0],
      parameters: [Buffer.from('a')],
      resultFormats: [],
    });
    expect(readExecute(writeExecute('p', 5))).toEqual({ portal: 'p', maxRows: 5 });
    expect(
      readErrorFields(writeErrorResponse({ severity: 'ERROR', code: '42501', message: 'm', hint: 'h' })).get(
        'H',
      ),
    ).toBe('h');
    expect(readStartupPacket(writeStartupMessage([['user', 'alice']]))).toMatchObject({
      kind: 'startup',
      parameters: new Map([['user', 'alice']]),
    });
    expect(readStartupPacket(writeCancelRequest(7, Buffer.from([1, 2, 3, 4])))).toEqual({
      kind: 'cancel-request',
      pid: 7,
      secret: Buffer.from([1, 2, 3, 4]),
    });
  });

  it('resolve one format code for all parameters', () => {
    const body = Buffer.concat([
      cString(''),
      cString(''),
      Buffer.from([0, 1, 0, 1]),
      Buffer.from([0, 2, 255, 255, 255, 255, 0, 0, 0, 1, 9]),
      Buffer.from([0, 0]),
    ]);
    expect(readBind(writeFrame(66, body))).toMatchObject({
      formats: [1, 1],
      parameters: [null, Buffer.from([9])],
    });
  });

  it('refuse a text with a NUL inside, or without the one at its end', () => {
    expect(() => readQuery(writeFrame(81, Buffer.from('a\0b\0')))).toThrow(ProtocolViolation);
    expect(() => readQuery(writeFrame(81, Buffer.from('a')))).toThrow(ProtocolViolation);
    expect(() => readQuery(writeFrame(81))).toThrow(ProtocolViolation);
  });

  it('count the rows that a tag counts', () => {
    expect(rowsOfTag(readCommandTag(writeFrame(67, cString('INSERT 0 3'))))).toBe(3);
    expect(rowsOfTag('SELECT 0')).toBe(0);
    expect(rowsOfTag('CREATE TABLE')).toBeUndefined();
  });

  it('throw nothing but ProtocolViolation, whatever stands in them', () => {
    const readers = [
      readQuery,
      readParse,
      readBind,
      readName,
      readExecute,
      readDataRow,
      readErrorFields,
      (frame: Buffer) => {
        const length = startupPacketLength(frame);
        if (length !== undefined && frame.length >= length) readStartupPacket(frame.subarray(0, length));
      },
    ];
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), (body) => {
        for (const read of readers) {
          try {
            read(writeFrame(0, body));
          } catch (error) {
            if (!(error instanceof ProtocolViolation)) throw error;
          }
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('md5Password', () => {
  it('is md5 of md5 of password and user, and salt', () => {
    expect(md5Password('user', 'password', Buffer.from([1, 2, 3, 4]))).toMatch(/^md5[0-9a-f]{32}$/);
    expect(md5Password('a', 'b', Buffer.alloc(4))).not.toBe(md5Password('a', 'b', Buffer.from([0, 0, 0, 1])));
  });
});
