import 'reflect-metadata';
import type { IncomingMessage } from 'node:http';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';

/** Nothing here takes a body. Bytes. */
const BODY_LIMIT = 1_024;

/** Makes the HTTP application of a module; the caller lets it listen and closes it. */
export function createHttpServer(module: DynamicModule): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT,
    requestTimeout: 10_000,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 256 },
    rewriteUrl: (request: IncomingMessage) => belowLog(request.url ?? '/'),
  });
  // Nest's own logger would write lines that are no JSON; what fails at the start is thrown.
  return NestFactory.create<NestFastifyApplication>(module, adapter, { logger: false, abortOnError: false });
}

/** A log's URL ends in a slash; who joins with another one finds the same: `…/0//checkpoint`. */
const belowLog = (url: string): string => url.replace(/^(\/logs\/[^/]+\/[0-9]+)\/\//, '$1/');
