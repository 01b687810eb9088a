import type { Identity } from '#libs/contracts/identity.js';
import type { Target } from '#libs/contracts/events/target.js';
import type { RecordingMode } from '#libs/contracts/events/statement-events.js';

/** What stays the same for the life of a session and stands on its events. */
export interface SessionIdentity {
  readonly sessionId: string;
  readonly gatewayId: string;
  readonly tenant: string;
  readonly identity: Identity;
  readonly target: Target;
  readonly recording: RecordingMode;
  readonly clientAddress: string;
  readonly applicationName: string;
}
