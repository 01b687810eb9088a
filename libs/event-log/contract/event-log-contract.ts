import { describeConsuming } from './consuming-contract.js';
import type { Installation } from './installation.js';
import { describeProducing } from './producing-contract.js';
import { describeTailing } from './tailing-contract.js';
import { describeTrimming } from './trimming-contract.js';

/** What both event logs promise, as tests. `install` makes an empty event log of a test's own. */
export function describeEventLog(name: string, install: () => Promise<Installation>): void {
  describe(name, () => {
    describeProducing(install);
    describeConsuming(install);
    describeTailing(install);
    describeTrimming(install);
  });
}
