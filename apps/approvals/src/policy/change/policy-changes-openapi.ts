import { z } from 'zod';
import { changeStatuses } from './domain/change-state.js';
import { changeVoteBodySchema, proposalBodySchema } from './policy-changes.controller.js';

const problem = (description: string): object => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});
const body = (schema: z.ZodType): object => ({
  required: true,
  content: { 'application/json': { schema: z.toJSONSchema(schema, { io: 'input' }) } },
});
const answer = (description: string, schema: object): object => ({
  description,
  content: { 'application/json': { schema } },
});
const change = answer('The change of policy', { $ref: '#/components/schemas/PolicyChange' });
const id = { name: 'id', in: 'path', required: true, schema: { type: 'string', format: 'uuid' } };
const refusals = {
  '401': problem('No valid bearer token'),
  '403': problem('Not yours to see, to propose or to sign; `code` says why'),
  '404': problem('There is no such change of policy'),
};
const state = { type: 'string', enum: [...changeStatuses] };

/** The paths of changes of policy, for the OpenAPI document. */
export const policyChangePaths: Readonly<Record<string, Readonly<Record<string, object>>>> = {
  '/v1/policy/changes': {
    get: {
      summary: 'The changes of policy one may see, newest first, 200 at most',
      parameters: [{ name: 'state', in: 'query', schema: state }],
      responses: {
        '200': answer('Without texts', {
          type: 'object',
          properties: { changes: { type: 'array', items: { $ref: '#/components/schemas/PolicyChange' } } },
        }),
        ...refusals,
      },
    },
    post: {
      summary: 'Proposes a policy, where the one in force takes changes this way',
      requestBody: body(proposalBodySchema),
      responses: {
        '201': change,
        '400': problem('The body is not valid, or there is no reason'),
        '409': problem('The policy in force takes changes from its file, or is this one; `code` says which'),
        '422': problem('The text is no policy, or an older one'),
        ...refusals,
      },
    },
  },
  '/v1/policy/changes/{id}': {
    get: {
      summary: 'One change of policy, with its text and the lines that differ',
      parameters: [id],
      responses: { '200': change, ...refusals },
    },
  },
  '/v1/policy/changes/{id}/votes': {
    post: {
      summary: 'Signs a change of policy or denies it; the last signature puts it in force',
      parameters: [
        id,
        {
          name: 'Idempotency-Key',
          in: 'header',
          description: 'The same key again changes nothing and gives the answer of the first time.',
          schema: { type: 'string', maxLength: 200 },
        },
      ],
      requestBody: body(changeVoteBodySchema),
      responses: {
        '200': change,
        '400': problem('The body is not valid, or a denial has no reason'),
        '409': problem(
          'It has ended, was superseded, or was signed by this person before; `code` says which',
        ),
        '422': problem('The Idempotency-Key was used for something else'),
        ...refusals,
      },
    },
  },
};

const text = { type: 'string' };
const time = { type: 'string', format: 'date-time' };
const names = { type: 'array', items: text };

export const policyChangeSchema = {
  type: 'object',
  required: [
    'id',
    'state',
    'author',
    'authorVerified',
    'reason',
    'version',
    'hash',
    'previousHash',
    'needed',
    'votes',
  ],
  properties: {
    id: { type: 'string', format: 'uuid' },
    state,
    author: text,
    authorVerified: { type: 'boolean', description: "Whether the author's token said so; else the file did" },
    reason: text,
    version: { type: 'integer' },
    hash: { type: 'string', description: 'SHA-256 of the text' },
    sourceHash: { type: 'string', description: 'SHA-256 of the text its author wrote' },
    previousHash: { type: 'string', description: 'SHA-256 of the policy it would replace' },
    needed: { type: 'integer', description: 'Signatures' },
    reviewers: { type: 'array', items: { type: 'object' } },
    votes: { type: 'array', items: { type: 'object' } },
    diff: {
      type: 'object',
      properties: { added: names, removed: names, changed: names, settings: names, lines: text },
    },
    text: { type: 'string', description: 'YAML; of a single change only' },
    proposedAt: time,
    expiresAt: time,
    endedAt: time,
    endReason: text,
  },
};
