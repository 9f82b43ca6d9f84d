-- The category of an issue's status at a past moment, by the one set of rules that there is: forebay.status_spans. A status that
-- is gone from the site is told by its name or is `undefined`; it was the issue's present one. Before the creation it is that of
-- the creation.
CREATE OR REPLACE FUNCTION forebay.status_category_at(tenant uuid, issue uuid, moment timestamptz) RETURNS varchar
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN (
        SELECT s.category FROM forebay.status_spans s
        WHERE s.tenant_id = tenant AND s.issue_id = issue AND (s.ended_at IS NULL OR s.ended_at > moment)
        ORDER BY s.started_at, s.ended_at LIMIT 1);
