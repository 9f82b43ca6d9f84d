DROP FUNCTION forebay.queued_jobs(uuid, bigint, text, bigint, integer);
DROP FUNCTION forebay.retry_job(uuid, bigint, integer);
DROP FUNCTION forebay.drop_job(uuid, bigint);
