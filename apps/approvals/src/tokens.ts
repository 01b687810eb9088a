/** Injection tokens of what approvals.module.ts provides. */
export const POOL = Symbol('DatabasePool');
export const DIRECTORY = Symbol('Directory');
export const EXECUTOR = Symbol('RequestExecutor');
export const CHANGES = Symbol('RequestChanges');
export const NEW_ID = Symbol('newId');
/** An AbortSignal: aborted when the service goes down, so that nobody waits on. */
export const GOING_DOWN = Symbol('goingDown');
export const POLICY_CHANGES = Symbol('PolicyChanges');
export const SHELF = Symbol('PolicyShelf');
/** The Slack side; undefined where Slack is not configured. */
export const SLACK = Symbol('Slack');
