import { styleText } from 'node:util';

/** A step of the story that did not go as told. */
export class NotAsTold extends Error {}

/** Tells the story in the terminal and stops it where what happens differs from what is told. */
export class Narrator {
  private step = 0;

  constructor(private readonly stream: NodeJS.WriteStream) {}

  title(text: string): void {
    this.stream.write(`\n${this.styled('bold', `${(this.step += 1)}. ${text}`)}\n`);
  }

  /** What somebody types. */
  types(who: string, text: string): void {
    this.stream.write(`   ${this.styled('cyan', `${who} >`)} ${text}\n`);
  }

  /** What comes back. */
  sees(text: string): void {
    for (const line of text.trimEnd().split('\n')) this.stream.write(`     ${line}\n`);
  }

  /** States that it went as told, or ends the story. */
  expect(told: string, holds: boolean, instead = ''): void {
    if (!holds) throw new NotAsTold(`${told}: it did not${instead === '' ? '' : ` (${instead})`}`);
    this.stream.write(`   ${this.styled('green', '✓')} ${told}\n`);
  }

  private styled(style: 'bold' | 'cyan' | 'green', text: string): string {
    return this.stream.isTTY ? styleText(style, text) : text;
  }
}
