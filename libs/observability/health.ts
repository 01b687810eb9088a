/** What /readyz reports: each check has a name and either passes or says why not, in one line. */
export class Health {
  private readonly checks = new Map<string, () => Promise<string | undefined> | string | undefined>();
  private readonly notes = new Map<string, () => string | undefined>();

  /** Adds a check; it returns undefined when all is well, else the reason. */
  add(name: string, check: () => Promise<string | undefined> | string | undefined): void {
    this.checks.set(name, check);
  }

  /** Adds what an operator should see and what does not keep the service from working; undefined for nothing. */
  note(name: string, tell: () => string | undefined): void {
    this.notes.set(name, tell);
  }

  async report(): Promise<{
    ready: boolean;
    checks: Record<string, string>;
    notes: Record<string, string>;
  }> {
    const checks: Record<string, string> = {};
    let ready = true;
    for (const [name, check] of this.checks) {
      const problem = await Promise.resolve()
        .then(check)
        .catch((error: unknown) => String(error));
      checks[name] = problem ?? 'ok';
      ready &&= problem === undefined;
    }
    const notes: Record<string, string> = {};
    for (const [name, tell] of this.notes) {
      const note = tell();
      if (note !== undefined) notes[name] = note;
    }
    return { ready, checks, notes };
  }
}
