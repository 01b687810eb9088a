import { messageOf } from '#libs/kernel/coded-error.js';

export interface CheckResult {
  readonly name: string;
  readonly ok: boolean;
  /** What was found, or what is wrong and what to do; one line. */
  readonly detail: string;
}

/** Runs one check. It returns what it found; what it throws is what is wrong. */
export async function check(name: string, look: () => Promise<string>): Promise<CheckResult> {
  try {
    return { name, ok: true, detail: await look() };
  } catch (error) {
    return { name, ok: false, detail: messageOf(error).replaceAll(/\s*\n\s*/g, ' ') };
  }
}
