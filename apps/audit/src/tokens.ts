/** Injection tokens of what audit.module.ts provides. */
export const QUERY = Symbol('BulkQuery');
export const CHAINS = Symbol('Chain[]');
export const SIGNER = Symbol('CheckpointSigner');
export const PUBLISHED_LOGS = Symbol('PublishedLog[]');
