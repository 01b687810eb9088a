/** Says what a part of a suite found, its numbers, and whether what it must show held. */
export type Report = (what: string, result: object, holds: boolean) => void;

/** The parts of a suite's long form, by name. */
export type FaultSuite = Readonly<Record<string, (report: Report) => Promise<void>>>;
