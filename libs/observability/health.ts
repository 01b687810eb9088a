/** What /readyz reports: each check has a name and either passes or says why not, in one line. */
export class Health {
  private readonly checks = new Map<string, () => Promise<string | undefined> | string | undefined>();

  /** Adds a check; it returns undefined when all is well, else the reason. */
  add(name: string, check: () => Promise<string | undefined> | string | undefined): void {
    this.checks.set(name, check);
  }

  async report(): Promise<{ ready: boolean; checks: Record<string, string> }> {
    const checks: Record<string, string> = {};
    let ready = true;
    for (const [name, check] of this.checks) {
      const problem = await Promise.resolve()
        .then(check)
        .catch((error: unknown) => String(error));
      checks[name] = problem ?? 'ok';
      ready &&= problem === undefined;
    }
    return { ready, checks };
  }
}
