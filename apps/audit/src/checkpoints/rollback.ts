/** What every ROLLBACK message ends with: the command that says what is missing, and what to do then. */
export const ROLLBACK_RUNBOOK =
  'run `npx countersign ledger verify --json`, then follow deploy/runbooks/ledger-rollback.md';
