import type { StoredEvent } from '../../event-store/load-stream.js';
import { evolve, type RequestState } from '../domain/request-state.js';

/** The state that a request's whole stream leads to. */
export const replay = (stream: readonly StoredEvent[]): RequestState =>
  stream.reduce<RequestState>((state, event) => evolve(state, event, Date.parse(event.time)), undefined);
