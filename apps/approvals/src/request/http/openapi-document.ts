import { z } from 'zod';
import { policyChangePaths, policyChangeSchema } from '../../policy/change/policy-changes-openapi.js';
import { slackPaths } from '../../slack/slack-openapi.js';
import { requestStatuses } from '../domain/request-state.js';
import { requestSchemas } from './openapi-request-schemas.js';
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

const etag = { ETag: { description: 'Another one after each change', schema: { type: 'string' } } };

const answer = (description: string, schema: string): object => ({
  description,
  ...(schema === 'Request' ? { headers: etag } : {}),
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

const ifMatch = {
  name: 'If-Match',
  in: 'header',
  description:
    'The ETag one has seen: the vote counts only where nothing has changed since. May be left out.',
  schema: { type: 'string', maxLength: 200 },
};

const command = (
  summary: string,
  body: object,
  required: boolean,
  more: object = {},
  headers: object[] = [],
) => ({
  post: {
    summary,
    parameters: [id, idempotencyKey, ...headers],
    requestBody: { required, content: { 'application/json': { schema: body } } },
    responses: {
      '200': answer('The request afterwards', 'Request'),
      '400': problem('The body is not valid, or a denial has no reason'),
      '409': problem('The request has ended, is decided, or the vote was cast before; `code` says which'),
      '422': problem('The Idempotency-Key was used for something else'),
      ...refusals,
      ...more,
    },
  },
});

const open = (summary: string) => ({
  get: { summary, security: [], responses: { '200': { description: 'As it says' } } },
});

const waited = {
  description: 'The request as it is then, or when time was up; or the events of the request',
  headers: etag,
  content: {
    'application/json': { schema: { $ref: '#/components/schemas/Request' } },
    'text/event-stream': {
      schema: {
        type: 'string',
        description:
          'Events with their type as `event`, and as `id` the version after them; `outcome` when the statement has ended.',
      },
    },
  },
};

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
      post: {
        summary:
          'Asks ahead of time: not possible here, and the answer says how it is done through the gateway',
        responses: {
          '401': problem('No valid bearer token'),
          '501': problem(
            'What an approval binds is read by the gateway: connect with countersign.wait=retry',
          ),
        },
      },
    },
    '/v1/requests/{id}': {
      get: {
        summary: 'One request with everything its approval would bind',
        parameters: [id],
        responses: { '200': answer('The request', 'Request'), ...refusals },
      },
    },
    '/v1/requests/{id}/explanation': {
      get: {
        summary:
          'Why it is where it is: the inputs of the risk assessment, and the assessment made again from them',
        parameters: [id],
        responses: { '200': answer('The explanation', 'Explanation'), ...refusals },
      },
    },
    '/v1/requests/{id}/wait': {
      get: {
        summary: 'Waits until a request has changed; as text/event-stream, tells each change',
        parameters: [
          id,
          query('after', 'The state, or the version, one has seen last', {
            oneOf: [state, { type: 'integer', minimum: 0 }],
            default: 'pending',
          }),
          {
            name: 'Last-Event-ID',
            in: 'header',
            description: 'Where a stream goes on: the id of the last event one has seen',
            schema: { type: 'string' },
          },
          query('timeout', 'Seconds', { type: 'integer', minimum: 0, maximum: 60, default: 30 }),
        ],
        responses: {
          '200': waited,
          '204': { description: 'A stream that has ended: nothing will follow what one has seen' },
          '503': problem('Too many are waiting'),
          ...refusals,
        },
      },
    },
    '/v1/requests/{id}/votes': command(
      'Casts a vote',
      jsonSchema(voteBodySchema),
      true,
      {
        '412': problem('The request has changed since the ETag in If-Match'),
        '422': problem(
          'A ceiling on rows cannot be kept, or the Idempotency-Key was used for something else',
        ),
      },
      [ifMatch],
    ),
    '/v1/requests/{id}/comments': command('Comments on a request', jsonSchema(commentBodySchema), true),
    '/v1/requests/{id}/revoke': command(
      'Revokes a grant that was not used yet; best effort, because the signed decision is on its way',
      jsonSchema(revokeBodySchema),
      false,
    ),
    '/v1/policy': {
      get: {
        summary: 'The policy in force, or an earlier one by its hash',
        parameters: [query('hash', 'SHA-256 of its text; absent: the one in force', { type: 'string' })],
        responses: {
          '200': answer('The policy', 'Policy'),
          '400': problem('The hash is none'),
          '401': problem('No valid bearer token'),
          '404': problem('No such policy was published'),
        },
      },
    },
    ...policyChangePaths,
    ...slackPaths,
    '/openapi.json': open('This document'),
    '/healthz': open('Whether the process lives'),
    '/readyz': open('Whether the service can work'),
    '/metrics': open('Figures for Prometheus'),
  },
  components: {
    securitySchemes: { bearer: { type: 'http', scheme: 'bearer', bearerFormat: 'JWT' } },
    schemas: {
      ...requestSchemas,
      Policy: {
        type: 'object',
        required: ['version', 'hash', 'text', 'author', 'publishedAt'],
        properties: {
          version: { type: 'integer' },
          hash: { type: 'string', description: 'SHA-256 of the text' },
          text: { type: 'string', description: 'YAML' },
          author: { type: 'string', description: 'As the policy says of itself' },
          publishedAt: { type: 'string', format: 'date-time' },
          previousHash: { type: 'string' },
        },
      },
      PolicyChange: policyChangeSchema,
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
