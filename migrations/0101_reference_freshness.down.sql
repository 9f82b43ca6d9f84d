DROP VIEW jira.reference_freshness;
REVOKE SELECT ON reference_reads FROM forebay_read;
DROP POLICY sql_door ON reference_reads;
