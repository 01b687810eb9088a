import { SettingError } from '#libs/kernel/settings.js';
import { loadBuiltinPolicy, loadPolicy } from '#libs/policy/load-policy.js';
import { PolicyError } from '#libs/policy/policy-error.js';
import type { Policy } from '#libs/policy/policy.js';
import type { ApprovalsConfig } from '../config.js';

/** The policy in force: the file's, else the built-in one. Throws SettingError for a file that is none. */
export function effectivePolicy({ policy, reviewers }: ApprovalsConfig): Policy {
  try {
    return policy === undefined
      ? loadBuiltinPolicy({ reviewers })
      : loadPolicy({ text: policy.text, file: policy.file, reviewers });
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    throw new SettingError(
      policy === undefined ? 'COUNTERSIGN_REVIEWERS' : 'COUNTERSIGN_POLICY',
      error.message,
    );
  }
}
