-- A look-up by time reads every entry between its window and what counts as near: an hour of a busy chain
-- is millions of entries. Sealed within ten seconds of its own time, and not more than a second before it, is
-- near now; the index has what is not.
--
-- Reads all entries once while nothing can be sealed.
SET LOCAL ROLE countersign_ledger_owner;

DROP INDEX ledger.entries_far_time;
CREATE INDEX entries_far_time ON ledger.entries (chain, event_time)
  WHERE event_time < recorded_at - 10000000 OR event_time > recorded_at + 1000000;

RESET ROLE;
