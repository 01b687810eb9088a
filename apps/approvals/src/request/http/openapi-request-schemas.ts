import { requestStatuses } from '../domain/request-state.js';

const text = { type: 'string' };
const whole = { type: 'integer' };
const truth = { type: 'boolean' };
const time = { type: 'string', format: 'date-time' };
const uuid = { type: 'string', format: 'uuid' };
const list = (items: object): object => ({ type: 'array', items });
const record = (properties: Readonly<Record<string, object>>, required: readonly string[] = []): object => ({
  type: 'object',
  properties,
  ...(required.length === 0 ? {} : { required }),
});
const described = (schema: object, description: string): object => ({ ...schema, description });

const reviewers = list(
  record(
    {
      group: text,
      count: whole,
      or: described(list(text), 'Members of these groups may fill the places as well'),
    },
    ['group', 'count'],
  ),
);

const vote = record(
  {
    voter: text,
    group: text,
    decision: { type: 'string', enum: ['approve', 'deny'] },
    reason: text,
    maxRows: whole,
    channel: described(text, 'By which way it came: api, cli, slack'),
    time,
  },
  ['voter', 'group', 'decision', 'time'],
);

const risk = record(
  {
    score: whole,
    level: { type: 'string', enum: ['low', 'medium', 'high', 'critical'] },
    reasons: list(record({ rule: text, score: whole, reason: text })),
    actions: list(
      record({ rule: text, action: { type: 'string', enum: ['raise', 'refuse', 'auto-grant'] } }),
    ),
  },
  ['score', 'level', 'reasons', 'actions'],
);

const refusal = record(
  {
    code: {
      type: 'string',
      enum: ['refused', 'refused-by-policy', 'expired', 'cancelled', 'revoked'],
    },
    rule: text,
    by: list(text),
    reason: text,
    approvable: described(
      record({ bounded: truth, maxRows: whole }),
      'What could be approved instead: a bound on the rows, a ceiling',
    ),
  },
  ['code', 'rule'],
);

const statement = record(
  {
    text: described(text, 'All of it, with credentials sealed; in lists it may be cut'),
    sha256: text,
    bytes: whole,
    kind: text,
    category: text,
    incomplete: text,
    credentialsReplaced: whole,
    truncated: described(truth, 'In lists only: the text is cut here'),
  },
  ['text', 'sha256'],
);

/** Schemas of what the API answers. Fields may be added; none is taken away. */
export const requestSchemas: Readonly<Record<string, object>> = {
  Request: record(
    {
      id: uuid,
      state: { type: 'string', enum: [...requestStatuses] },
      wait: described(
        { type: 'string', enum: ['hold', 'retry'] },
        'retry: the client does not wait and sends the statement again after the approval',
      ),
      requester: text,
      requesterKind: { type: 'string', enum: ['human', 'service', 'agent'] },
      onBehalfOf: text,
      target: text,
      environment: text,
      database: text,
      statement,
      rule: text,
      reason: text,
      policyVersion: whole,
      policyHash: text,
      needed: described(
        { type: ['integer', 'null'] },
        'How many distinct people must approve; null until the request is routed',
      ),
      reviewers,
      order: { type: 'string', enum: ['parallel', 'sequential'] },
      windows: described(
        list(record({ days: list(whole), from: text, to: text, timeZone: text })),
        'Approvals count only inside one of these',
      ),
      escalatedTo: described(list(reviewers), 'Who may sign instead of `reviewers`'),
      notified: list(record({ step: text, groups: list(text), count: whole, people: list(text), time })),
      reminders: whole,
      signals: described({ type: 'object' }, 'What the gateway measured before it asked'),
      risk,
      votes: list(vote),
      refusedVotes: described({}, 'A list; in lists of requests their number'),
      comments: described({}, 'A list; in lists of requests their number'),
      maxRows: described(whole, 'The lowest ceiling on rows that an approval named'),
      digest: described(text, 'SHA-256 of all that the approval binds'),
      gatewayId: uuid,
      intentId: uuid,
      sessionId: uuid,
      decisionId: uuid,
      decidedBy: list(text),
      decidedAt: time,
      grantExpiresAt: time,
      automatic: described(record({ rule: text }), 'Decided by the policy, by no person'),
      refusal,
      endReason: text,
      endedAt: time,
      revokedBy: text,
      consumedBy: described(uuid, 'The attempt that used the grant up'),
      createdAt: time,
      expiresAt: time,
      outcome: described(text, 'How the statement ended'),
      version: whole,
      insideTransaction: truth,
      protocol: text,
      unpinned: described(list(text), 'What no transaction can pin between approval and execution'),
      settings: { type: 'object' },
      objects: list({ type: 'object' }),
      statements: list({ type: 'object' }),
    },
    ['id', 'state', 'requester', 'target', 'statement', 'rule', 'needed', 'votes'],
  ),
  RequestPage: record(
    { requests: list({ $ref: '#/components/schemas/Request' }), next: { type: ['string', 'null'] } },
    ['requests', 'next'],
  ),
  Explanation: record(
    {
      id: uuid,
      verdict: { type: 'object' },
      inputs: described({ type: 'object' }, 'Everything the assessment was made from'),
      assessment: { anyOf: [risk, { type: 'null' }] },
      derived: described({ anyOf: [risk, { type: 'null' }] }, 'Made again from the stored inputs, now'),
      same: described(
        { type: ['boolean', 'null'] },
        'Whether both are the same; null where the policy is not known',
      ),
      route: { type: ['object', 'null'] },
      decision: { type: ['object', 'null'] },
    },
    ['id', 'verdict', 'inputs', 'assessment', 'derived', 'same'],
  ),
};
