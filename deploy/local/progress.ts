/** What `npm start` tells the person who waits. A terminal that is gone must not end the stack. */
export interface Progress {
  line(text: string): void;
  /** Runs the work and reports how long it took. */
  step<T>(name: string, detail: string, work: () => Promise<T>): Promise<T>;
}

export function terminalProgress(stream: NodeJS.WriteStream, now: () => number): Progress {
  stream.on('error', (_gone: Error) => undefined);
  const line = (text: string): void => void stream.write(`${text}\n`);
  return {
    line,
    step: async (name, detail, work) => {
      const begun = now();
      const result = await work();
      line(`  ${name.padEnd(18)} ${detail.padEnd(34)} ${String(Math.round(now() - begun)).padStart(6)} ms`);
      return result;
    },
  };
}
