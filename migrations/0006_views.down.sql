DROP VIEW jira.comments, jira.changelog, jira.issues;
DROP VIEW public.lead_time_view, public.issue_metrics;
DROP FUNCTION forebay.gather_statistics();
DROP FUNCTION forebay.refresh_metrics();
DROP MATERIALIZED VIEW forebay.lead_time_view, forebay.issue_metrics;
