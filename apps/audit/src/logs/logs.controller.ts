import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import { Public } from '#libs/http/public.decorator.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import type { Chain } from '#libs/ledger/chain.js';
import type { BulkQuery } from '#libs/postgres/bulk-pool.js';
import { parseTilePath } from '#libs/tlog/tile.js';
import type { CheckpointSigner } from '../checkpoints/checkpoint-signer.js';
import { CHAINS, PUBLISHED_LOGS, QUERY, SIGNER } from '../tokens.js';
import type { PublishedLog } from './published-log.js';
import { readTile } from './read-tile.js';

interface Reply {
  status(code: number): Reply;
  header(name: string, value: string): Reply;
  send(body: unknown): void;
}

interface Asked {
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

const compress = promisify(gzip);

/** Each log under its URL, as C2SP tlog-tiles says: commitments only, so nobody needs a token. */
@Public()
@Controller()
export class LogsController {
  constructor(
    @Inject(QUERY) private readonly query: BulkQuery,
    @Inject(CHAINS) private readonly chains: readonly Chain[],
    @Inject(SIGNER) private readonly signer: CheckpointSigner,
    @Inject(PUBLISHED_LOGS) private readonly published: readonly PublishedLog[],
  ) {}

  @Get('v1/logs')
  logs(): { logs: readonly PublishedLog[] } {
    return { logs: this.published };
  }

  @Get('logs/:topic/:partition/checkpoint')
  checkpoint(
    @Param('topic') topic: string,
    @Param('partition') partition: string,
    @Req() asked: Asked,
    @Res() reply: Reply,
  ): void {
    const note = this.signer.current(`${topic}/${partition}`);
    if (note === undefined) return absent(reply);
    reply.header('content-type', 'text/plain; charset=utf-8').header('cache-control', 'no-cache');
    give(asked, reply, note);
  }

  /** What the chain begins with; its SHA-256 is the `prev` of entry 0. */
  @Get('logs/:topic/:partition/genesis')
  genesis(
    @Param('topic') topic: string,
    @Param('partition') partition: string,
    @Req() asked: Asked,
    @Res() reply: Reply,
  ): void {
    const chain = this.find(topic, partition);
    if (chain === undefined) return absent(reply);
    give(asked, immutable(reply), chain.genesis);
  }

  @Get('logs/:topic/:partition/tile/*')
  async tile(
    @Param('topic') topic: string,
    @Param('partition') partition: string,
    @Req() asked: Asked,
    @Res() reply: Reply,
  ): Promise<void> {
    const chain = this.find(topic, partition);
    // The path as it was sent: a tile has one name only, so nothing is decoded.
    const path = asked.url.slice(`/logs/${topic}/${partition}/`.length);
    const tile = parseTilePath(path);
    const bytes =
      chain === undefined || tile === undefined
        ? undefined
        : await readTile(this.query, chain.chain, this.signer.currentSize(chain.name), tile);
    if (bytes === undefined || tile === undefined) return absent(reply);
    immutable(reply);
    if (tile.level !== 'entries') return give(asked, reply, bytes);
    reply.header('vary', 'accept-encoding');
    if (!takesGzip(asked.headers['accept-encoding'])) return give(asked, reply, bytes);
    reply.header('content-encoding', 'gzip');
    give(asked, reply, await compress(bytes));
  }

  private find(topic: string, partition: string): Chain | undefined {
    return this.chains.find(({ name }) => name === `${topic}/${partition}`);
  }
}

/** The bytes, or 304 to who has them. The tag is of what is sent, so that a compressed answer has its own. */
function give(asked: Asked, reply: Reply, bytes: Buffer): void {
  const tag = `"${sha256Hex(bytes).slice(0, 32)}"`;
  // Public and the same for everyone: a verifier may run in anybody's browser.
  reply.header('etag', tag).header('access-control-allow-origin', '*');
  const known = String(asked.headers['if-none-match'] ?? '')
    .split(',')
    .map((each) => each.trim().replace(/^W\//, ''));
  if (known.includes(tag) || known.includes('*')) reply.status(304).send(undefined);
  else reply.status(200).send(bytes);
}

const immutable = (reply: Reply): Reply =>
  reply
    .header('content-type', 'application/octet-stream')
    .header('cache-control', 'max-age=31536000, immutable');

/** It may exist a second later, so nobody may remember that it did not. */
const absent = (reply: Reply): void =>
  reply
    .status(404)
    .header('cache-control', 'no-store')
    .header('access-control-allow-origin', '*')
    .header('content-type', 'application/problem+json; charset=utf-8')
    .send(JSON.stringify({ type: 'about:blank', title: 'Not in the log', status: 404 }));

const takesGzip = (accepts: string | string[] | undefined): boolean =>
  String(accepts ?? '')
    .split(',')
    .some((coding) => /^\s*gzip\s*(;\s*q=(1(\.0{0,3})?|0\.(?!0{1,3}\s*$)[0-9]{1,3}))?\s*$/i.test(coding));
