import type { RequestView } from '../../request/read/request-view.js';
import type { ShownRequest } from '../blocks/shown-request.js';

/** A pending request with invented content; the parts given replace its own. */
export function sampleRequest(
  changes: Partial<Omit<ShownRequest, 'view'>> & { readonly view?: Partial<RequestView> } = {},
): ShownRequest {
  const { view, ...others } = changes;
  return {
    statement: 'ALTER TABLE customers ADD COLUMN tier text',
    outcome: undefined,
    binding: undefined,
    ...others,
    view: {
      id: '01940000-0000-7000-8000-000000000001',
      state: 'pending',
      requester: 'alice',
      requesterKind: 'human',
      target: 'shop',
      environment: 'production',
      database: 'shop',
      statement: { sha256: 'ab'.repeat(32), bytes: 42, kind: 'ALTER TABLE', category: 'ddl' },
      rule: 'schema-change',
      reason: 'Schema changes are reviewed',
      policyVersion: 1,
      policyHash: 'cd'.repeat(32),
      needed: 1,
      reviewers: [{ group: 'dba', count: 1 }],
      wait: 'hold',
      votes: [],
      refusedVotes: [],
      comments: [],
      gatewayId: '01940000-0000-7000-8000-000000000002',
      intentId: '01940000-0000-7000-8000-000000000003',
      digest: 'ef'.repeat(32),
      createdAt: '2026-05-04T10:00:00.000Z',
      expiresAt: '2026-05-04T10:15:00.000Z',
      ...view,
    },
  };
}
