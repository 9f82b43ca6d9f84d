-- A text that a program wrote, as a time where it is one; NULL where it is none. A day is its midnight in UTC.
CREATE FUNCTION forebay.time_of(written text) RETURNS timestamptz
    LANGUAGE plpgsql IMMUTABLE STRICT SET TimeZone = 'UTC'
AS $$
BEGIN
    IF written !~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}([T ][0-9]{2}:[0-9]{2}|$)' THEN
        RETURN NULL;
    END IF;
    RETURN written::timestamptz;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION forebay.time_of(text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.time_of(text) TO forebay_app;
