/** By which way a vote came, as the client says of itself; only for the record. */
export const channelOf = (agent: string | undefined): string =>
  agent?.startsWith('countersign-cli') === true ? 'cli' : 'api';
