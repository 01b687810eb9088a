-- Behind an event that was out of sequence stands an entry of the ledger's own (gap.sealed,
-- regression.sealed), which names the same record: a record is still sealed once, and such an entry's id
-- follows from the record, so that entries_event_id keeps it from being sealed twice.
--
-- Builds an index over all entries while nothing can be sealed: some seconds for each million of them.
SET LOCAL ROLE countersign_ledger_owner;

DROP INDEX ledger.entries_source_offset;
CREATE UNIQUE INDEX entries_source_offset ON ledger.entries (source, source_offset)
  WHERE type NOT IN ('gap.sealed', 'regression.sealed');

RESET ROLE;
