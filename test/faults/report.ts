/** A line beside the tests' own, for figures and for what is skipped. */
export const report = (line: string): void => void process.stderr.write(`${line}\n`);
