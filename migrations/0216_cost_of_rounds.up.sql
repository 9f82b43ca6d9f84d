-- How long workers were at a round over a list: the next one is so much further away.
ALTER TABLE reference_reads ADD COLUMN worked_ms bigint NOT NULL DEFAULT 0;
