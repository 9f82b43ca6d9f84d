DROP FUNCTION forebay.issue_at(uuid, timestamptz);
DROP FUNCTION forebay.field_history(uuid);
DROP FUNCTION forebay.time_in_category(uuid, timestamptz);
DROP FUNCTION forebay.time_in_status(uuid, timestamptz);
DROP VIEW forebay.status_spans;
REVOKE SELECT ON issue_key_aliases FROM forebay_read;
DROP POLICY sql_door ON issue_key_aliases;

-- As migration 0001 made it.
CREATE OR REPLACE FUNCTION forebay.ticket_tenant() RETURNS uuid
    LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER
    SET search_path = pg_catalog
AS $$
BEGIN
    RETURN (SELECT t.id FROM public.tenants t
            WHERE t.sql_ticket = nullif(current_setting('app.sql_ticket', true), '')::uuid);
EXCEPTION WHEN invalid_text_representation THEN
    RETURN NULL;
END
$$;
