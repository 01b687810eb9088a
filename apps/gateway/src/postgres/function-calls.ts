import { readErrorFields } from '#libs/pg-wire/error-response.js';
import { readFunctionCall, type FunctionCallMessage } from '#libs/pg-wire/function-call-message.js';
import type { Reading } from '../enforcement/judge.js';
import { unknownStatement, withKind, type KnownText } from '../enforcement/known-text.js';
import { recordParameters, type RecordedParameter } from '../enforcement/recorded-parameters.js';
import { deniedByPolicy, unknownFunction, whyUnread } from '../enforcement/refusals.js';
import type { OwnResult } from './own-query.js';
import type { Refusal } from './refusal.js';
import { SlotKind, slotFor } from './slot.js';
import type { Considered } from './statement-intake.js';
import {
  recordIntent,
  recordRefused,
  refuseQuery,
  unreadable,
  type StatementPath,
} from './statement-path.js';

const KIND = 'FUNCTION CALL';

/** Never above PostgreSQL's FUNC_MAX_ARGS, whatever a message says. */
const MAX_ARGUMENTS = 100;

const NAME_QUERY = `/* countersign: which function a call by oid means */
SELECT pg_catalog.quote_ident(n.nspname), pg_catalog.quote_ident(p.proname), p.proargtypes::pg_catalog.text
  FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid OPERATOR(pg_catalog.=) p.pronamespace
 WHERE p.oid OPERATOR(pg_catalog.=) $1::pg_catalog.oid`;

interface Named {
  readonly frame: Buffer;
  readonly call: FunctionCallMessage;
  /** The oids of its arguments' types. */
  readonly types: readonly number[];
}

/**
 * FunctionCall names a function by oid. The server says which one that is, and the call is judged,
 * recorded and approved as the SELECT of it; what is sent is the message itself.
 */
export class FunctionCalls {
  constructor(private readonly path: StatementPath) {}

  functionCall(frame: Buffer): void {
    const call = readFunctionCall(frame);
    const { path } = this;
    path.turn.whenQuiet(() => {
      if (path.state.skipping) return path.turn.goOn(() => undefined);
      path.ask(NAME_QUERY, (result) => path.turn.goOn(() => this.named(frame, call, result)), {
        parameters: [String(call.oid)],
      });
    });
  }

  private named(frame: Buffer, call: FunctionCallMessage, result: OwnResult): void {
    const { path } = this;
    if (!result.ok) {
      const fields = result.response === undefined ? undefined : readErrorFields(result.response);
      return this.refuseUnknown(frame, {
        code: fields?.get('C') ?? '08006',
        message: fields?.get('M') ?? 'the target did not say which function is called',
      });
    }
    const [schema, name, types] = result.rows[0] ?? [];
    if (typeof schema !== 'string' || typeof name !== 'string' || call.parameters.length > MAX_ARGUMENTS)
      return this.refuseUnknown(frame, unknownFunction(call.oid));
    const places = call.parameters.map((_, index) => `$${index + 1}`).join(', ');
    const text = Buffer.from(`SELECT ${schema}.${name}(${places})`, 'utf8');
    const named = { frame, call, types: (types ?? '').split(' ').map(Number) };
    const reading = path.intake.read(text);
    if (reading instanceof Promise) path.turn.until(reading, (read) => this.judge(named, text, read));
    else this.judge(named, text, reading);
  }

  private judge(named: Named, text: Buffer, reading: Reading): void {
    const { path } = this;
    if (!reading.ok) {
      const statement = unknownStatement(text, KIND, whyUnread(reading.refusal));
      const verdict = unreadable('unreadable', 'it cannot be read');
      recordRefused(path, { statement, protocol: 'function-call', verdict }, reading.refusal);
      return refuseQuery(path, reading.refusal);
    }
    const considered = path.intake.consider(asFunctionCall(reading.known));
    if (typeof considered === 'function') return considered(() => this.judge(named, text, reading));
    switch (considered.verdict.effect) {
      case 'allow':
        return this.forward(named, considered);
      case 'deny':
        recordRefused(path, this.intentOf(named, considered), deniedByPolicy(considered.verdict));
        return refuseQuery(path, deniedByPolicy(considered.verdict));
      case 'review':
        return path.turn.whenQuiet(() => this.review(named, considered));
    }
  }

  private forward(named: Named, considered: Considered): void {
    const { path } = this;
    const run = recordIntent(path, this.intentOf(named, considered), false);
    path.toTarget.send(named.frame, slotFor(SlotKind.Query, { run, recorded: true }));
    path.intake.sent(considered);
    path.state.endSeries();
  }

  private review(named: Named, considered: Considered): void {
    const { path } = this;
    const { call } = named;
    // A failed transaction would refuse it as well: nothing is asked for what cannot run.
    if (path.state.status === 'E') return path.turn.goOn(() => this.forward(named, considered));
    path.hold({
      considered,
      protocol: 'function-call',
      bound: {
        text: considered.known.bytes.toString('base64'),
        standsFor: [],
        parameterTypes: [...named.types.slice(0, call.parameters.length)],
        parameterFormats: [...call.formats],
        parameters: call.parameters.map((value) => value?.toString('base64') ?? null),
        resultFormats: [call.resultFormat],
        maxRows: 0,
      },
      parameters: this.parametersOf(named),
      rowLimitProblem: 'a function call counts no rows',
      release: (run) =>
        path.turn.goOn(() => {
          path.toTarget.send(named.frame, slotFor(SlotKind.Query, { run }));
          path.intake.sent(considered);
          path.state.endSeries();
        }),
      refuse: (refusal) => path.turn.goOn(() => refuseQuery(path, refusal)),
    });
  }

  private intentOf(named: Named, considered: Considered) {
    return {
      statement: considered.recorded,
      protocol: 'function-call' as const,
      verdict: considered.verdict,
      parameters: this.parametersOf(named),
    };
  }

  private parametersOf({ call, types }: Named): RecordedParameter[] {
    return recordParameters(call.parameters, call.formats, types);
  }

  private refuseUnknown(frame: Buffer, refusal: Refusal): void {
    const statement = unknownStatement(frame, KIND, 'a function call by oid');
    const verdict = unreadable('function-call', 'which function it is cannot be told');
    recordRefused(this.path, { statement, protocol: 'function-call', verdict }, refusal);
    refuseQuery(this.path, refusal);
  }
}

/** The SELECT of a function, under the name of what it is: rules may name either. */
const asFunctionCall = (known: KnownText): KnownText => ({
  ...known,
  analysis: withKind(known.analysis, KIND),
  recorded: { ...known.recorded, kind: KIND, kinds: [KIND, ...known.recorded.kinds] },
  standsAs: KIND,
});
