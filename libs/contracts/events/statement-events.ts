import { z } from 'zod';
import { sha256HexSchema, uuidSchema } from '../envelope.js';
import { defineEvent } from './define-event.js';
import { targetSchema } from './target.js';

export const recordingModes = ['strict', 'replicated', 'overlapped'] as const;
export type RecordingMode = (typeof recordingModes)[number];

/** What a verdict can be. A rule's `flag` marks a statement and decides nothing, so it is no verdict. */
export const effects = ['allow', 'deny', 'review'] as const;
export type Effect = (typeof effects)[number];

export const statementCategories = [
  'read',
  'write',
  'ddl',
  'dcl',
  'transaction',
  'session',
  'utility',
  'code',
] as const;
export type StatementCategory = (typeof statementCategories)[number];

export const statementSchema = z.object({
  /** The text as sent, up to 64 KiB, with credentials replaced; longer texts stand in chunk events. */
  text: z.string().optional(),
  /** SHA-256 of the exact bytes as sent. */
  sha256: sha256HexSchema,
  bytes: z.int().min(0),
  /** The command's name as PostgreSQL documents it; the first one of a message with several. */
  kind: z.string(),
  kinds: z.array(z.string()),
  category: z.enum(statementCategories),
  reads: z.array(z.string()).optional(),
  writes: z.array(z.string()).optional(),
  /** Why the analysis is not complete; absent when it is. */
  incomplete: z.string().optional(),
  credentialsReplaced: z.int().min(1).optional(),
  /** Functions called by name, as written. */
  functions: z.array(z.string()).max(200).optional(),
  /** False where a write may touch every row of its table. */
  bounded: z.boolean().optional(),
  /** The same for statements that differ in literals only: 16 hexadecimal digits, PostgreSQL's grammar. */
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .optional(),
  /** The text with its literals replaced by $1, $2 …; absent where it cannot be told. */
  normalized: z.string().max(8192).optional(),
  /** sqlcommenter's key-value pairs (agent, model, traceparent …): what the client claims, never trusted. */
  tags: z.record(z.string().max(64), z.string().max(256)).optional(),
  /** What policy keeps out of the record: with `literals` the text is the normalized one, or absent. */
  redacted: z.array(z.enum(['literals'])).optional(),
});

export const parameterSchema = z.object({
  /** The type's oid as declared; 0 when the client left it to the server. */
  type: z.int().min(0),
  format: z.union([z.literal(0), z.literal(1)]),
  bytes: z.int().min(0),
  /** Format 0: text. Format 1: base64. null: SQL NULL. Absent: too long, see sha256. */
  value: z.string().nullable().optional(),
  sha256: sha256HexSchema.optional(),
});

export const verdictSchema = z.object({
  effect: z.enum(effects),
  /** The rule that decided; `default` when none matched. */
  rule: z.string(),
  reason: z.string(),
  policyVersion: z.int(),
  policyHash: sha256HexSchema,
  /** Ids of the rules that only flag and matched. */
  flags: z.array(z.string().max(64)).max(64).optional(),
  /** The highest risk score of the rules that matched, 0 to 100. */
  risk: z.int().min(0).max(100).optional(),
  /** Controls that the rules which matched give evidence for (CC6.1, CC8.1 …). */
  controls: z.array(z.string().max(32)).max(64).optional(),
});

/** Durable before any byte of the statement reaches the target. Ends in exactly one outcome. */
export const intentRecorded = defineEvent('statement.intent-recorded', 1, 'statements', {
  target: targetSchema,
  statement: statementSchema,
  protocol: z.enum(['simple', 'extended', 'function-call']),
  parameters: z.array(parameterSchema).optional(),
  verdict: verdictSchema,
  recording: z.enum(recordingModes),
});

/** The text of an extended-protocol Parse. It runs nothing and has no outcome. */
export const statementPrepared = defineEvent('statement.prepared', 1, 'statements', {
  target: targetSchema,
  statement: statementSchema,
  verdict: verdictSchema,
});

/** A part of a text above 64 KiB, before its intent and on the same key. */
export const textChunkRecorded = defineEvent('statement.text-chunk-recorded', 1, 'statements', {
  sha256: sha256HexSchema,
  index: z.int().min(0),
  count: z.int().min(1),
  text: z.string(),
});

export const outcomes = ['completed', 'failed', 'refused', 'cancelled', 'unknown'] as const;
export type Outcome = (typeof outcomes)[number];

export const outcomeRecorded = defineEvent('statement.outcome-recorded', 1, 'statements', {
  intentId: uuidSchema,
  outcome: z.enum(outcomes),
  /** The command tag, as the server gave it. */
  tag: z.string().max(128).optional(),
  rows: z.int().min(0).optional(),
  /** Of a COPY: the data as it went over the wire, message headers left out; several of one message together. */
  copied: z
    .object({ direction: z.enum(['in', 'out']), bytes: z.int().min(0), sha256: sha256HexSchema })
    .optional(),
  sqlstate: z.string().length(5).optional(),
  /** Why, for everything but completed. No literal of the statement. */
  reason: z.string().max(1024).optional(),
  durationMs: z.number().min(0),
});

/** A decision that arrived and ran nothing: late, forged, replayed or for something else. */
export const decisionRejected = defineEvent('decision.rejected', 1, 'statements', {
  decisionEventId: uuidSchema.optional(),
  reason: z.enum([
    'forged',
    'late',
    'replayed',
    'expired',
    'clock-skew',
    'another-gateway',
    'digest-differs',
    'drifted',
    'unknown-request',
    'malformed',
  ]),
  detail: z.string().max(1024),
});
