import { styleText } from 'node:util';

/** What a command may know of where it runs. */
export interface Terminal {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export type Colour = 'green' | 'red' | 'yellow' | 'bold' | 'dim';

/** Coloured on a terminal that wants colour; plain text anywhere else. */
export const coloured = (stream: NodeJS.WriteStream, colour: Colour, text: string): string =>
  stream.isTTY === true ? styleText(colour, text, { stream }) : text;

/** Streams that have something on them. */
const begun = new WeakSet<NodeJS.WriteStream>();

export const hasOutput = ({ out }: Terminal): boolean => begun.has(out);

/** Writes and waits while the reader is slow. */
export const write = (stream: NodeJS.WriteStream, text: string): Promise<void> =>
  new Promise((resolve, reject) => {
    begun.add(stream);
    stream.write(text, (error) => (error === null || error === undefined ? resolve() : reject(error)));
  });

export const writeLine = (stream: NodeJS.WriteStream, text: string): Promise<void> =>
  write(stream, `${text}\n`);

/** `--json`: exactly one document on standard output. */
export const writeJson = (terminal: Terminal, document: unknown): Promise<void> =>
  writeLine(terminal.out, JSON.stringify(document, null, 2));
