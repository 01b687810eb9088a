import 'reflect-metadata';
import type { DynamicModule } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';

/** The longest body a command needs, with room for escapes. Bytes. */
const BODY_LIMIT = 64 * 1024;
/** A click of Slack's carries the whole message it was made on, form-encoded. Bytes. */
const SLACK_BODY_LIMIT = 1024 * 1024;

export interface HttpServer {
  readonly server: NestFastifyApplication;
  /** Every route as `GET /v1/requests/{id}`, sorted; complete once the server listens. */
  routes(): string[];
}

/** Makes the HTTP application of a module; the caller lets it listen and closes it. */
export async function createHttpServer(module: DynamicModule): Promise<HttpServer> {
  const adapter = new FastifyAdapter({
    bodyLimit: BODY_LIMIT,
    requestTimeout: 10_000,
    forceCloseConnections: 'idle',
    exposeHeadRoutes: false,
  });
  const routes: string[] = [];
  adapter.getInstance().addHook('onRoute', (route) => {
    const { method, url } = route;
    if (url === '/slack/events') route.bodyLimit = SLACK_BODY_LIMIT;
    for (const each of [method].flat()) routes.push(`${each} ${url.replace(/:([a-z]+)/gi, '{$1}')}`);
  });
  // Nest's own logger would write lines that are no JSON; what fails at the start is thrown.
  const server = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: false,
    abortOnError: false,
    // Slack signs the bytes of the body.
    rawBody: true,
  });
  return { server, routes: () => [...routes].sort() };
}
