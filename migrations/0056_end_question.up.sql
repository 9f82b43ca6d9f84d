-- Ends a session of the SQL door from outside of it, for when its question has shed its time-out or lost its caller: what holds a
-- question to its time must not be a setting of its own session.
--
-- It belongs to whoever migrates: a superuser, or the owner of the database, who is a member of `forebay_read`. A role of Forebay's
-- own would have to be that too, and those are members of nothing.
CREATE FUNCTION forebay.end_question(session integer) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT coalesce(bool_or(pg_terminate_backend(a.pid)), false) FROM pg_stat_activity a
    WHERE a.pid = session AND a.usename = 'forebay_read' AND a.datname = current_database()
$$;
REVOKE ALL ON FUNCTION forebay.end_question(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.end_question(integer) TO forebay_platform;
