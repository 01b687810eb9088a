import { z } from 'zod';
import { requestStatuses } from '../domain/request-state.js';
import { commentBodySchema, revokeBodySchema, voteBodySchema } from './request-bodies.js';

const jsonSchema = (schema: z.ZodType): object => {
  const json: Record<string, unknown> = { ...z.toJSONSchema(schema, { io: 'input' }) };
  delete json['$schema'];
  return json;
};

const problem = (description: string): object => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});

const answer = (description: string, schema: string): object => ({
  description,
  content: { 'application/json': { schema: { $ref: `#/components/schemas/${schema}` } } },
});

const refusals = {
  '401': problem('No valid bearer token'),
  '403': problem('Not yours to see or to decide; `code` says why'),
  '404': problem('There is no such request'),
};

const id = {
  name: 'id',
  in: 'path',
  required: true,
  schema: { type: 'string', format: 'uuid' },
};

const idempotencyKey = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'The same key again changes nothing and gives the answer of the first time.',
  schema: { type: 'string', maxLength: 200 },
};

const query = (name: string, description: string, schema: object): object => ({
  name,
  in: 'query',
  description,
  schema,
});

const command = (summary: string, body: object, required: boolean) => ({
  post: {
    summary,
    parameters: [id, idempotencyKey],
    requestBody: { required, content: { 'application/json': { schema: body } } },
    responses: {
      '200': answer('The request afterwards', 'Request'),
      '400': problem('The body is not valid, or a denial has no reason'),
      '409': problem('The request has ended, is decided, or the vote was cast before; `code` says which'),
      '422': problem('The Idempotency-Key was used for something else, or maxRows was given'),
      ...refusals,
    },
  },
});

const open = (summary: string) => ({
  get: { summary, security: [], responses: { '200': { description: 'As it says' } } },
});

const state = { type: 'string', enum: [...requestStatuses] };

/** The HTTP interface of approvals. A test compares its paths with the routes that are there. */
export const openApiDocument: {
  readonly paths: Readonly<Record<string, Readonly<Record<string, object>>>>;
  readonly [member: string]: unknown;
} = {
  openapi: '3.1.0',
  info: {
    title: 'Countersign approvals',
    version: '1',
    description: 'Held statements, and the people who sign for them. Errors are application/problem+json.',
  },
  security: [{ bearer: [] }],
  paths: {
    '/v1/requests': {
      get: {
        summary: 'The requests one may see, newest first',
        parameters: [
          query('state', 'Only those in this state', state),
          query('after', 'The `next` of the page before', { type: 'string' }),
          query('limit', 'Requests a page', { type: 'integer', minimum: 1, maximum: 500, default: 100 }),
        ],
        responses: { '200': answer('A page', 'RequestPage'), ...refusals },
      },
    },
    '/v1/requests/{id}': {
      get: {
        summary: 'One request with everything its approval would bind',
        parameters: [id],
        responses: { '200': answer('The request', 'Request'), ...refusals },
      },
    },
    '/v1/requests/{id}/wait': {
      get: {
        summary: 'Waits until the state of a request is another one',
        parameters: [
          id,
          query('after', 'The state one has seen last', { ...state, default: 'pending' }),
          query('timeout', 'Seconds', { type: 'integer', minimum: 0, maximum: 60, default: 30 }),
        ],
        responses: {
          '200': answer('The request as it is then, or when time was up', 'Request'),
          '503': problem('Too many are waiting'),
          ...refusals,
        },
      },
    },
    '/v1/requests/{id}/votes': command('Casts a vote', jsonSchema(voteBodySchema), true),
    '/v1/requests/{id}/comments': command('Comments on a request', jsonSchema(commentBodySchema), true),
    '/v1/requests/{id}/revoke': command(
      'Revokes a grant that was not used yet; best effort, because the signed decision is on its way',
      jsonSchema(revokeBodySchema),
      false,
    ),
    '/openapi.json': open('This document'),
    '/healthz': open('Whether the process lives'),
    '/readyz': open('Whether the service can work'),
    '/metrics': open('Figures for Prometheus'),
  },
  components: {
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    schemas: {
      Request: {
        type: 'object',
        required: ['id', 'state', 'requester', 'target', 'statement', 'rule', 'needed', 'votes'],
        properties: {
          id: { type: 'string', format: 'uuid' },
          state,
          requester: { type: 'string' },
          target: { type: 'string' },
          statement: {
            type: 'object',
            required: ['text', 'sha256'],
            properties: {
              text: { type: 'string' },
              sha256: { type: 'string' },
              truncated: { type: 'boolean', description: 'In lists only: the text is cut here' },
            },
          },
          rule: { type: 'string' },
          needed: {
            type: ['integer', 'null'],
            description: 'How many distinct people must approve; null until the request is routed',
          },
          reviewers: {
            type: 'array',
            items: {
              type: 'object',
              properties: { group: { type: 'string' }, count: { type: 'integer' } },
            },
          },
          votes: {
            type: 'array',
            items: {
              type: 'object',
              properties: {
                voter: { type: 'string' },
                group: { type: 'string' },
                decision: { type: 'string', enum: ['approve', 'deny'] },
                reason: { type: 'string' },
                time: { type: 'string', format: 'date-time' },
              },
            },
          },
          digest: { type: 'string', description: 'SHA-256 of all that the approval binds' },
          createdAt: { type: 'string', format: 'date-time' },
          expiresAt: { type: 'string', format: 'date-time' },
          outcome: { type: 'string' },
        },
      },
      RequestPage: {
        type: 'object',
        required: ['requests', 'next'],
        properties: {
          requests: { type: 'array', items: { $ref: '#/components/schemas/Request' } },
          next: { type: ['string', 'null'] },
        },
      },
      Problem: {
        type: 'object',
        required: ['type', 'title', 'status'],
        properties: {
          type: { type: 'string' },
          title: { type: 'string' },
          status: { type: 'integer' },
          detail: { type: 'string' },
          code: { type: 'string', description: 'Stable' },
        },
      },
    },
  },
};
