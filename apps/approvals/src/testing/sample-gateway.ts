import { generateKeyPairSync } from 'node:crypto';
import type { Binding } from '#libs/contracts/binding.js';
import { cutStatements, STATEMENT_IN_PARTS } from '#libs/contracts/binding-parts.js';
import type { Envelope } from '#libs/contracts/envelope.js';
import { keyIdOf, signEvent, type SigningKey, type TrustedKeys } from '#libs/contracts/event-signature.js';
import type { Signals } from '#libs/contracts/events/signals.js';
import { MAX_INLINE_TEXT_BYTES, partitionOf } from '#libs/contracts/topics.js';
import type { Identity } from '#libs/contracts/identity.js';
import type { EventLogProducer, RecordToAppend } from '#libs/event-log/port.js';
import { sha256Hex } from '#libs/kernel/hash.js';
import { newId } from '#libs/kernel/uuid.js';
import { identityOf } from './sample-people.js';

export function newSigningKey(): {
  signing: SigningKey;
  trusted: TrustedKeys;
  pem: string;
  publicPem: string;
} {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const keyId = keyIdOf(publicKey);
  return {
    signing: { keyId, privateKey },
    trusted: new Map([[keyId, publicKey]]),
    pem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    publicPem: publicKey.export({ type: 'spki', format: 'pem' }) as string,
  };
}

/** What a hold of a test is about. */
export interface Hold {
  readonly requestId: string;
  readonly intentId: string;
  readonly binding: Binding;
  /** The event that asks; change it before it is signed to tell a lie. */
  readonly asked: Envelope & Record<string, unknown>;
  /** What comes before it, where its statements are too long for one event. */
  readonly parts: readonly (Envelope & Record<string, unknown>)[];
}

const SETTINGS: Binding['settings'] = {
  session_user: 'app',
  current_user: 'app',
  search_path: '"$user", public',
  client_encoding: 'UTF8',
  standard_conforming_strings: 'on',
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  row_security: 'on',
  session_replication_role: 'origin',
  transaction_isolation: 'read committed',
  transaction_read_only: 'off',
};

export interface HoldOptions {
  readonly requester?: Identity;
  readonly sql?: string;
  readonly rule?: string;
  readonly policyHash: string;
  readonly holdMs?: number;
  readonly now?: number;
  /** `retry`: an attempt of a client that does not wait. */
  readonly wait?: 'retry';
  /** With `retry`: until when the gateway looks for the answer, milliseconds since 1970. */
  readonly answerBy?: number;
  readonly signals?: Signals;
}

/** A gateway's side of reviews: makes the events a gateway makes, signed with its key. */
export class SampleGateway {
  readonly gatewayId = newId();
  readonly key = newSigningKey();
  private readonly producerId = newId();
  private sequence = 0;

  hold(options: HoldOptions): Hold {
    const requester = options.requester ?? identityOf('alice');
    const text = Buffer.from(options.sql ?? 'ALTER TABLE customers ADD COLUMN tier text', 'utf8');
    const [requestId, intentId, sessionId] = [newId(), newId(), newId()];
    const now = options.now ?? Date.now();
    const binding: Binding = {
      tenant: 'default',
      gatewayId: this.gatewayId,
      target: { name: 'shop', kind: 'postgres', environment: 'production', database: 'shop' },
      requester,
      ...(options.wait === 'retry' ? {} : { sessionId }),
      protocol: 'simple',
      statements: [
        {
          text: text.toString('base64'),
          standsFor: [],
          parameterTypes: [],
          parameterFormats: [],
          parameters: [],
          resultFormats: [],
          maxRows: 0,
        },
      ],
      objects: [
        { class: 'relation', oid: 16_400, name: 'public.customers', definitionSha256: '0a'.repeat(32) },
      ],
      settings: SETTINGS,
      insideTransaction: false,
      unpinned: [],
    };
    const cut = cutStatements(binding.statements);
    const parts = (cut?.parts ?? []).map((text, index) => ({
      ...this.envelope('review.part-recorded', requestId, now),
      ...{ gatewayId: this.gatewayId, intentId, ...cut?.inParts, index, text },
    }));
    const asked = {
      ...this.envelope('review.asked', requestId, now),
      sessionId,
      identity: requester,
      gatewayId: this.gatewayId,
      intentId,
      binding: cut === undefined ? binding : { ...binding, statements: [STATEMENT_IN_PARTS] },
      ...(cut === undefined ? {} : { statementsInParts: cut.inParts }),
      statement: {
        ...(text.length > MAX_INLINE_TEXT_BYTES ? {} : { text: text.toString('utf8') }),
        sha256: sha256Hex(text),
        bytes: text.length,
        kind: 'ALTER TABLE',
        kinds: ['ALTER TABLE'],
        category: 'ddl',
      },
      verdict: {
        effect: 'review',
        rule: options.rule ?? 'schema-change',
        reason: 'Schema changes are reviewed',
        policyVersion: 1,
        policyHash: options.policyHash,
      },
      holdExpiresAt: new Date(now + (options.holdMs ?? 900_000)).toISOString(),
      insideTransaction: false,
      ...(options.wait === undefined ? {} : { wait: options.wait }),
      ...(options.answerBy === undefined ? {} : { answerBy: new Date(options.answerBy).toISOString() }),
      ...(options.signals === undefined ? {} : { signals: options.signals }),
    };
    return { requestId, intentId, binding, asked, parts };
  }

  /** An event about a hold that was asked for. */
  told(hold: Hold, type: 'review.cancelled' | 'review.released' | 'review.concluded', fields: object) {
    return {
      ...this.envelope(type, hold.requestId, Date.now()),
      identity: hold.binding.requester,
      gatewayId: this.gatewayId,
      intentId: hold.intentId,
      ...fields,
    };
  }

  /** The record as the spool would drain it, signed with this gateway's key or another's. */
  record(event: Envelope, key = this.key.signing): RecordToAppend {
    const requestId = event.requestId as string;
    return {
      topic: 'requests',
      partition: partitionOf('requests', requestId),
      key: requestId,
      value: signEvent(event, key),
    };
  }

  async ask(producer: EventLogProducer, options: HoldOptions): Promise<Hold> {
    const hold = this.hold(options);
    await producer.append([...hold.parts, hold.asked].map((event) => this.record(event)));
    return hold;
  }

  private envelope(type: string, requestId: string, now: number): Envelope {
    return {
      id: newId(),
      type,
      schemaVersion: 1,
      time: new Date(now).toISOString(),
      tenant: 'default',
      producer: this.producerId,
      producerSeq: this.sequence++,
      requestId,
    };
  }
}
