import { z } from 'zod';
import { sql, type CommonQueryMethods } from '#libs/postgres/pool.js';
import type { Viewer } from '../../request/read/viewer.js';
import { eligibleGroups } from '../../request/domain/quorum.js';
import type { ChangeStatus, PolicyChange } from './domain/change-state.js';

/** The most a list shows. */
const MOST = 200;

/** The changes of policy the viewer may see, newest first, as documents. */
export async function listChanges(
  connection: CommonQueryMethods,
  viewer: Viewer,
  state: ChangeStatus | undefined,
): Promise<unknown[]> {
  const rows = await connection.any(sql.type(z.object({ view: z.string() }))`
    SELECT view FROM approvals.policy_changes
    WHERE (${state ?? null}::text IS NULL OR state = ${state ?? null})
      AND (${viewer.seesAll} OR author = ${viewer.name} OR groups && ${sql.array([...viewer.groups], 'text')})
    ORDER BY ordinal DESC LIMIT ${MOST}`);
  return rows.map(({ view }) => JSON.parse(view) as unknown);
}

/** Its author, whoever is asked to sign, and compliance. */
export const maySeeChange = (viewer: Viewer, { proposal }: PolicyChange): boolean =>
  viewer.seesAll ||
  proposal.author === viewer.name ||
  eligibleGroups(proposal.needed, viewer.groups).length > 0;
