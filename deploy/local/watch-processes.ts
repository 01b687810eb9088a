import type { Home } from './home/home.js';
import { isRunning, type ProcessIdentity } from './home/process-identity.js';
import { processNames, readStack, type ProcessName } from './home/stack-file.js';
import { lastLine, type StartedProcess } from './start-process.js';

/**
 * Reports, in one line each, the death of a process and the return of one that `start:<name>` brought
 * back. Restarts nothing.
 */
export class ProcessWatch {
  private readonly own = new Map<ProcessName, ProcessIdentity>();
  private readonly foreign = new Map<ProcessName, ProcessIdentity>();
  private state: 'starting' | 'watching' | 'silent' = 'starting';
  private readonly early: string[] = [];

  constructor(
    private readonly home: Home,
    private readonly report: (line: string) => void,
  ) {}

  /** Watches a child of this process. */
  started(name: ProcessName, { identity, exited }: StartedProcess): void {
    this.own.set(name, identity);
    void exited.then(async (how) => {
      if (this.state === 'silent') return;
      const log = this.home.logOf(name);
      const words = await lastLine(log);
      this.tell(
        `${name} (process ${identity.pid}) ended (${how}); bring it back with: npm run start:${name}; its last words: ${words} (log: ${log})`,
      );
    });
  }

  /** Looks for processes somebody else started in place of ours. Called every second. */
  async look(): Promise<void> {
    const recorded = (await readStack(this.home))?.processes ?? {};
    if (this.state !== 'watching') return;
    for (const name of processNames) {
      const identity = recorded[name];
      if (identity === undefined || sameProcess(identity, this.own.get(name))) continue;
      const known = this.foreign.get(name);
      const runs = await isRunning(identity);
      if (runs && !sameProcess(identity, known)) {
        this.foreign.set(name, identity);
        this.report(`${name} runs again (process ${identity.pid}, by npm run start:${name})`);
      } else if (!runs && sameProcess(identity, known)) {
        this.foreign.delete(name);
        this.report(`${name} (process ${identity.pid}) ended; bring it back with: npm run start:${name}`);
      }
    }
  }

  /** Everything has started; a death before this is the start's own failure, unless it comes this far. */
  watch(): void {
    this.state = 'watching';
    this.early.splice(0).forEach((line) => this.report(line));
  }

  /** From now on deaths are wanted. */
  hush(): void {
    this.state = 'silent';
  }

  private tell(line: string): void {
    if (this.state === 'watching') this.report(line);
    else if (this.state === 'starting') this.early.push(line);
  }
}

const sameProcess = (one: ProcessIdentity, other: ProcessIdentity | undefined): boolean =>
  other !== undefined && one.pid === other.pid && one.started === other.started;
