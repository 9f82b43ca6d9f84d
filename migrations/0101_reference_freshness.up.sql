-- As of when the copy has what is not an issue's: lists that one request serves, lists that are read in rounds, feeds of worklogs.
CREATE POLICY sql_door ON reference_reads FOR SELECT TO forebay_read USING (tenant_id = (SELECT forebay.ticket_tenant()));
GRANT SELECT ON reference_reads TO forebay_read;

CREATE VIEW jira.reference_freshness WITH (security_invoker = true) AS
SELECT n.name AS instance, r.list, r.read_at, extract(epoch FROM now() - r.read_at)::float8 AS lag_seconds,
    r.finished, r.shown, r.refused, r.note
FROM public.reference_reads r
JOIN public.jira_instances n ON n.tenant_id = r.tenant_id AND n.id = r.instance_id
UNION ALL
SELECT n.name, w.entity, w.last_sync_at, extract(epoch FROM now() - w.last_sync_at)::float8, true, NULL, NULL, NULL
FROM public.sync_watermarks w
JOIN public.jira_instances n ON n.tenant_id = w.tenant_id AND n.id = w.instance_id
WHERE w.entity IN ('rosters', 'worklogs_updated', 'worklogs_deleted');
COMMENT ON VIEW jira.reference_freshness IS
    'As of when the copy has what stands beside issues, one row per list of a site that was ever begun.';
COMMENT ON COLUMN jira.reference_freshness.instance IS 'The site.';
COMMENT ON COLUMN jira.reference_freshness.list IS
    'rosters (projects, fields, statuses and so on), project_parts (versions, components), board_sprints, field_options (contexts too), worklogs_updated or worklogs_deleted (the site''s feeds).';
COMMENT ON COLUMN jira.reference_freshness.read_at IS 'The copy has it as of then. Null until a first round came to its end.';
COMMENT ON COLUMN jira.reference_freshness.lag_seconds IS 'Seconds since read_at.';
COMMENT ON COLUMN jira.reference_freshness.finished IS 'Whether the present round came to its end.';
COMMENT ON COLUMN jira.reference_freshness.shown IS 'Projects, boards or fields that the site showed the lists of in the present round; null for what one request serves.';
COMMENT ON COLUMN jira.reference_freshness.refused IS 'Those that it did not.';
COMMENT ON COLUMN jira.reference_freshness.note IS 'Why there is nothing, where the site serves none of it.';
GRANT SELECT ON jira.reference_freshness TO forebay_read;
