/** What a name stands for once everything before it has run; `uncertain` until the server has answered. */
export type Found<T> =
  { readonly is: 'known'; readonly value: T } | { readonly is: 'unknown' } | { readonly is: 'uncertain' };

/** A change that becomes true when the server confirms the message that makes it. */
export interface NameChange<T> {
  /** null: every name. */
  readonly name: string | null;
  /** undefined: the name goes. */
  readonly value: T | undefined;
  /** The series of messages up to one Sync, or one Query. */
  readonly series: number;
}

const UNKNOWN = { is: 'unknown' } as const;
const UNCERTAIN = { is: 'uncertain' } as const;

/**
 * The names of a session's prepared statements or portals, as the server has them: shared by SQL and the
 * wire. A change counts when the server confirms it. Until then it counts only within its own series,
 * where it either happened or nothing behind it runs; from a later series the name is uncertain and the
 * caller waits. So no name is ever judged by a text that the server does not run under it.
 */
export class SessionNames<T> {
  private readonly confirmed = new Map<string, T>();
  private readonly pending: NameChange<T>[] = [];

  find(name: string, series: number): Found<T> {
    for (let index = this.pending.length - 1; index >= 0; index -= 1) {
      const change = this.pending[index] as NameChange<T>;
      if (change.name !== null && change.name !== name) continue;
      if (change.series !== series) return UNCERTAIN;
      return change.value === undefined ? UNKNOWN : { is: 'known', value: change.value };
    }
    const value = this.confirmed.get(name);
    return value === undefined ? UNKNOWN : { is: 'known', value };
  }

  propose(change: NameChange<T>): void {
    this.pending.push(change);
  }

  confirm(change: NameChange<T>): void {
    if (!this.forget(change)) return;
    if (change.name === null) this.confirmed.clear();
    else if (change.value === undefined) this.confirmed.delete(change.name);
    else this.confirmed.set(change.name, change.value);
  }

  withdraw(change: NameChange<T>): void {
    this.forget(change);
  }

  /** Drops what the server dropped at the end of a transaction. */
  dropWhere(gone: (value: T) => boolean): void {
    for (const [name, value] of this.confirmed) if (gone(value)) this.confirmed.delete(name);
  }

  get size(): number {
    return this.confirmed.size + this.pending.length;
  }

  private forget(change: NameChange<T>): boolean {
    const index = this.pending.indexOf(change);
    if (index === -1) return false;
    this.pending.splice(index, 1);
    return true;
  }
}
