import { SettingError } from '#libs/kernel/settings.js';
import { loadBuiltinPolicy, loadPolicy } from '#libs/policy/load-policy.js';
import { PolicyError } from '#libs/policy/policy-error.js';
import type { Policy } from '#libs/policy/policy.js';
import type { ApprovalsConfig } from '../config.js';

type Settings = Pick<ApprovalsConfig, 'policy' | 'reviewers'>;

/** The policy a text of the policy file stands for. Throws PolicyError, one line with file and line. */
export const policyOfFile = (text: string, { policy, reviewers }: Settings): Policy =>
  loadPolicy({ text, file: policy?.file ?? 'policy', reviewers });

/** The policy in force: the file's, else the built-in one. Throws SettingError for a file that is none. */
export function effectivePolicy({ policy, reviewers }: Settings): Policy {
  try {
    return policy === undefined
      ? loadBuiltinPolicy({ reviewers })
      : policyOfFile(policy.text, { policy, reviewers });
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    throw new SettingError(
      policy === undefined ? 'COUNTERSIGN_REVIEWERS' : 'COUNTERSIGN_POLICY',
      error.message,
    );
  }
}
