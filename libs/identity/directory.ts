import { readFile, stat } from 'node:fs/promises';
import { z } from 'zod';
import { CodedError } from '#libs/kernel/coded-error.js';

const personSchema = z.object({
  name: z.string().min(1).max(128),
  kind: z.enum(['human', 'service', 'agent']).default('human'),
  groups: z.array(z.string().min(1).max(256)),
  owner: z.string().optional(),
  slackUserId: z.string().optional(),
  email: z.string().optional(),
});

const directorySchema = z.object({ people: z.array(personSchema).max(100_000) });

export type Person = z.output<typeof personSchema>;

/** Who there is, and the groups they are in now: eligibility is judged from this, not from a token's age. */
export interface Directory {
  /** undefined when the directory does not know the name: then nobody by that name may decide. */
  find(name: string): Promise<Person | undefined>;
  membersOf(group: string): Promise<Person[]>;
  /** Whoever the directory lists under this Slack user id; more than one is a mistake the caller must refuse. */
  findBySlackUserId(slackUserId: string): Promise<Person[]>;
  /** Whoever the directory lists under this address, compared without regard to case. */
  findByEmail(email: string): Promise<Person[]>;
}

/** A directory in a JSON file, read again when it changes; a bad file is an error, never an empty list. */
export class FileDirectory implements Directory {
  private version = '';
  private people: readonly Person[] = [];

  constructor(private readonly file: string) {}

  async find(name: string): Promise<Person | undefined> {
    return (await this.current()).find((person) => person.name === name);
  }

  async membersOf(group: string): Promise<Person[]> {
    return (await this.current()).filter((person) => person.groups.includes(group));
  }

  async everyone(): Promise<readonly Person[]> {
    return this.current();
  }

  async findBySlackUserId(slackUserId: string): Promise<Person[]> {
    return (await this.current()).filter((person) => person.slackUserId === slackUserId);
  }

  async findByEmail(email: string): Promise<Person[]> {
    const wanted = email.toLowerCase();
    return (await this.current()).filter((person) => person.email?.toLowerCase() === wanted);
  }

  private async current(): Promise<readonly Person[]> {
    try {
      const { mtimeMs, size, ino } = await stat(this.file);
      const version = `${mtimeMs}/${size}/${ino}`;
      if (version !== this.version) {
        this.people = directorySchema.parse(JSON.parse(await readFile(this.file, 'utf8'))).people;
        this.version = version;
      }
      return this.people;
    } catch (cause) {
      throw new CodedError('DIRECTORY_UNREADABLE', `the directory ${this.file} cannot be read`, { cause });
    }
  }
}
