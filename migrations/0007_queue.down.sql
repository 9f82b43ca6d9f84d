DROP FUNCTION forebay.enqueue_job(text, json, text, text, integer, timestamptz, integer);
