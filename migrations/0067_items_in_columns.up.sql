-- Ten items to an issue, and the payload of nearly each says what its columns say: a mark stands for it from now on. What is stored
-- keeps what it has.
COMMENT ON COLUMN changelogs.raw_jsonb IS 'The item as served; true, where the columns hold all of it; null in a history without items.';
COMMENT ON COLUMN changelogs.history_jsonb IS 'The history without its items, on ordinal 0; its time alone, where besides it has only its id and the author of the row.';
