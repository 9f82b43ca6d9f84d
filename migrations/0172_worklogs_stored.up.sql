-- no-transaction
-- Which worklogs the copy has learnt of lately: what the feeds of mirrors go by. Rows are stored in the order of this time, but for
-- the space that others left, so that a summary of blocks is enough, and costs writers nothing.
DROP INDEX CONCURRENTLY IF EXISTS worklogs_synced;
CREATE INDEX CONCURRENTLY worklogs_synced ON worklogs USING brin (synced_at) WITH (pages_per_range = 16, autosummarize = on);
