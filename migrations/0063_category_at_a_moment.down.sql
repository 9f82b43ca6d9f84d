CREATE OR REPLACE FUNCTION forebay.status_category_at(tenant uuid, issue uuid, moment timestamptz) RETURNS varchar
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(
        (SELECT s.category FROM (
            SELECT c.instance_id, c.to_value FROM public.changelogs c
            WHERE c.tenant_id = tenant AND c.issue_id = issue AND c.field = 'status' AND c.created_at <= moment
            ORDER BY c.created_at DESC, c.jira_number DESC, c.ordinal DESC LIMIT 1) l
         JOIN public.statuses s ON s.tenant_id = tenant AND s.instance_id = l.instance_id AND s.jira_id = l.to_value),
        (SELECT s.category FROM (
            SELECT c.instance_id, c.from_value FROM public.changelogs c
            WHERE c.tenant_id = tenant AND c.issue_id = issue AND c.field = 'status' AND c.created_at > moment
            ORDER BY c.created_at, c.jira_number, c.ordinal LIMIT 1) l
         JOIN public.statuses s ON s.tenant_id = tenant AND s.instance_id = l.instance_id AND s.jira_id = l.from_value),
        (SELECT i.status_category FROM public.issues i WHERE i.tenant_id = tenant AND i.id = issue));
