import {
  answeredUnrecorded,
  executedOf,
  gaps,
  recordedOf,
  unfinished,
  unrecorded,
} from './executed-and-recorded.js';

const SESSION = '01890000-0000-7000-8000-000000000001';

const LOG = `<other|7> LOG:  statement: SELECT 0
<a cs:${SESSION}|8> LOG:  statement: SELECT 1
<a cs:${SESSION}|8> LOG:  execute <unnamed>: SELECT $1, $2
<a cs:${SESSION}|8> DETAIL:  Parameters: $1 = '5', $2 = NULL
<a cs:${SESSION}|8> LOG:  execute name: SELECT $1
<a cs:${SESSION}|8> DETAIL:  Parameters: $1 = '6'
<a cs:${SESSION}|8> ERROR:  no
`.split('\n');

const intent = (text: string, values: (string | null)[], id: string) =>
  ({
    id,
    type: 'statement.intent-recorded',
    sessionId: SESSION,
    statement: { text },
    parameters: values.map((value) => ({ value })),
    producer: 'p',
    producerSeq: Number(id),
  }) as never;

describe('the comparison of what ran with what was recorded', () => {
  const events = [
    intent('SELECT 1', [], '0'),
    intent('SELECT $1, $2', ['5', null], '1'),
    intent('SELECT $1', ['6'], '2'),
  ];

  it('finds nothing where each execution has its intent', async () => {
    const executed = await executedOf(LOG);
    expect(executed).toHaveLength(3);
    expect(unrecorded(executed, recordedOf(events))).toEqual([]);
    expect(gaps(events)).toEqual([]);
  });

  it('finds an execution without an intent, one with other parameters, and a second run of one', async () => {
    const executed = await executedOf(LOG);
    expect(unrecorded(executed, recordedOf(events.slice(1)))).toEqual([`${SESSION}|SELECT 1|`]);
    expect(
      unrecorded(executed, recordedOf([...events.slice(0, 2), intent('SELECT $1', ['7'], '2')])),
    ).toEqual([`${SESSION}|SELECT $1|'6'`]);
    expect(unrecorded([...executed, executed[0] as string], recordedOf(events))).toHaveLength(1);
  });

  it('finds an answer to what no intent names, whatever its session', () => {
    expect(answeredUnrecorded(['SELECT 1|', "SELECT $1|'6'"], recordedOf(events))).toEqual([]);
    expect(answeredUnrecorded(["SELECT $1|'7'"], recordedOf(events))).toEqual(["SELECT $1|'7'"]);
  });

  it('finds an intent without its outcome, and a number that is missing', () => {
    expect(unfinished(events)).toHaveLength(3);
    expect(gaps([events[0], events[2]] as never)).toEqual(['p lacks 1']);
  });

  it('finds a missing number among more than a call may have arguments', () => {
    const many = Array.from({ length: 200_000 }, (_, number) => intent('SELECT 1', [], `${number}`));
    expect(gaps(many)).toEqual([]);
    expect(gaps(many.filter((_, number) => number !== 123_456))).toEqual(['p lacks 123456']);
  });
});
