DROP FUNCTION forebay.settle_hints(uuid, text[], timestamptz[], timestamptz[], integer[], integer[], text, boolean);
DROP FUNCTION forebay.release_job(text);
DROP FUNCTION forebay.ring_job(text, json, text, integer, integer);
DROP TABLE hint_losses;
DROP TABLE issue_hints;
