const parameter = (name: string, description: string, schema: object = { type: 'string' }): object => ({
  name,
  in: 'query',
  description,
  schema,
});
const inPath = (name: string): object => ({ name, in: 'path', required: true, schema: { type: 'string' } });
const problems = {
  '401': { description: 'No valid bearer token' },
  '403': { description: 'Not yours to see' },
};
const json = (description: string, schema: object): object => ({
  description,
  content: { 'application/json': { schema } },
});
const binary = (description: string): object => ({
  description,
  content: { 'application/octet-stream': {} },
});
const log = [inPath('topic'), inPath('partition')];
const page = (items: string): object => ({
  type: 'object',
  required: [items, 'next_cursor', 'has_more'],
  properties: {
    [items]: { type: 'array', items: { type: 'object' } },
    next_cursor: { type: ['string', 'null'] },
    has_more: { type: 'boolean' },
  },
});

const base64 = (type: string | string[]): object => ({ type, contentEncoding: 'base64' });
const sealedEntry: object = {
  type: 'object',
  required: ['seq', 'entry', 'salt', 'payload'],
  properties: {
    seq: { type: 'integer', minimum: 0 },
    entry: base64('string'),
    salt: base64(['string', 'null']),
    payload: base64(['string', 'null']),
  },
};

/** The public face of audit (OpenAPI 3.1). */
export const openApiDocument = {
  openapi: '3.1.0',
  info: { title: 'Countersign audit', version: '1' },
  components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } } },
  security: [{ bearer: [] }],
  paths: {
    '/v1/events': {
      get: {
        summary: 'The pull feed: sealed events of all chains, as they were recorded',
        parameters: [
          parameter('after', 'next_cursor of the page before'),
          parameter('limit', 'events a page', { type: 'integer', minimum: 1, maximum: 1000, default: 100 }),
          parameter('type', 'only this type'),
          parameter('request', 'only this request: its whole life (also: requestId)', {
            type: 'string',
            format: 'uuid',
          }),
          parameter('session', 'only this session (also: sessionId)', { type: 'string', format: 'uuid' }),
          parameter('identity', 'only events of this identity'),
          parameter('since', 'only what happened at this time or later', {
            type: 'string',
            format: 'date-time',
          }),
          parameter('until', 'only what happened before this time', { type: 'string', format: 'date-time' }),
        ],
        responses: {
          '200': json('A page', page('events')),
          '400': { description: 'A bad parameter' },
          ...problems,
        },
      },
    },
    '/v1/events/{id}': {
      get: {
        summary: 'One sealed event',
        parameters: [inPath('id')],
        responses: {
          '200': json('The event', { type: 'object' }),
          '404': { description: 'None' },
          ...problems,
        },
      },
    },
    '/v1/changes': {
      get: {
        summary: 'The register of changes',
        parameters: [
          parameter('after', 'next_cursor of the page before'),
          parameter('limit', 'rows a page', { type: 'integer', minimum: 1, maximum: 1000, default: 100 }),
        ],
        responses: { '200': json('A page', page('changes')), ...problems },
      },
    },
    '/v1/logs': {
      get: {
        summary: 'Every log: origin, URL and verifier key',
        security: [],
        responses: { '200': json('All logs', { type: 'object', properties: { logs: { type: 'array' } } }) },
      },
    },
    '/v1/logs/{topic}/{partition}/entries/{seq}': {
      get: {
        summary:
          'Signed entries with the exact salts and payloads they commit to, for compliance: SHA-256(0x02 ‖ salt ‖ payload) ends each entry',
        parameters: [
          ...log,
          inPath('seq'),
          parameter(
            'limit',
            'entries from seq on; an answer may hold fewer, and ends after 4 MiB of payloads',
            {
              type: 'integer',
              minimum: 1,
              maximum: 256,
              default: 1,
            },
          ),
        ],
        responses: {
          '200': json('At least one entry; bytes as base64, null where they were erased', {
            type: 'object',
            required: ['chain', 'entries'],
            properties: {
              chain: { type: 'string' },
              entries: { type: 'array', minItems: 1, maxItems: 256, items: sealedEntry },
            },
          }),
          '400': { description: 'A bad parameter' },
          '404': { description: 'Not in the log (yet)' },
          ...problems,
        },
      },
    },
    '/logs/{topic}/{partition}/checkpoint': {
      get: {
        summary: 'The last signed checkpoint (C2SP tlog-checkpoint)',
        security: [],
        parameters: log,
        responses: {
          '200': { description: 'A signed note', content: { 'text/plain': {} } },
          '404': { description: 'No such log' },
        },
      },
    },
    '/logs/{topic}/{partition}/genesis': {
      get: {
        summary: 'The genesis descriptor of the chain',
        security: [],
        parameters: log,
        responses: { '200': binary('Its bytes'), '404': { description: 'No such log' } },
      },
    },
    '/logs/{topic}/{partition}/tile/{path}': {
      get: {
        summary: 'Tiles and entry bundles (C2SP tlog-tiles)',
        security: [],
        parameters: [...log, inPath('path')],
        responses: { '200': binary('A tile or a bundle'), '404': { description: 'Not in the log (yet)' } },
      },
    },
  },
} as const;
