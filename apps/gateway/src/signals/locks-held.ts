import { lockModes, type Signals } from '#libs/contracts/events/signals.js';
import type { AskTarget } from '../enforcement/read-binding.js';

/** Table locks of the session's own transaction, asked on its own connection. */
const LOCKS_QUERY = `/* countersign: locks held */
SELECT pg_catalog.format('%I.%I', n.nspname, c.relname), l.mode
  FROM pg_catalog.pg_locks l JOIN pg_catalog.pg_class c ON c.oid OPERATOR(pg_catalog.=) l.relation
  JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) c.relnamespace
 WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() AND l.granted AND l.locktype OPERATOR(pg_catalog.=) 'relation'
   AND c.oid OPERATOR(pg_catalog.>=) 16384 AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,p,m,v,f}'::pg_catalog."char"[])
 LIMIT 200`;

export function readLocksHeld(ask: AskTarget, done: (locks: Signals['locksHeld']) => void): void {
  ask(LOCKS_QUERY, [], (result) => {
    const rows = result.ok ? result.rows : [];
    done(
      rows.flatMap(([relation, given]) => {
        const mode = lockModes.find((one) => one === given);
        return mode === undefined || relation === null || relation === undefined
          ? []
          : [{ relation: relation.slice(0, 256), mode }];
      }),
    );
  });
}
