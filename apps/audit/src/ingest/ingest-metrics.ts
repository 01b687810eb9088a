import { Counter, type Registry } from '#libs/observability/metrics.js';

export interface IngestMetrics {
  readonly sealed: Counter<'chain'>;
  readonly poisoned: Counter<'chain'>;
  readonly fenced: Counter<'chain'>;
  readonly failures: Counter<'chain'>;
  readonly findings: Counter<'chain' | 'kind'>;
}

export function createIngestMetrics(registry: Registry): IngestMetrics {
  const counter = <L extends string>(name: string, help: string, labelNames: L[]): Counter<L> =>
    new Counter({ name: `countersign_audit_${name}`, help, labelNames, registers: [registry] });
  return {
    sealed: counter('sealed_total', 'Entries sealed.', ['chain']),
    poisoned: counter('poisoned_total', 'Records that were sealed as poison.', ['chain']),
    fenced: counter('fenced_total', 'Batches refused because another process holds the chain.', ['chain']),
    failures: counter('failures_total', 'Batches and claims that failed and will be tried again.', ['chain']),
    findings: counter('findings_total', 'Gaps and regressions in producers’ sequences.', ['chain', 'kind']),
  };
}
