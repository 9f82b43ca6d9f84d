-- The SQL door asks this of each row before it is sent: one value may be made as large as a gigabyte, and whoever reads the
-- answer would hold all of it. A row that is too large ends the question with a code of its own.
CREATE FUNCTION forebay.row_fits(bytes integer, largest integer) RETURNS boolean
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
AS $$
BEGIN
    IF bytes > largest THEN
        RAISE EXCEPTION USING ERRCODE = 'FB413', MESSAGE = 'a row is too large';
    END IF;
    RETURN true;
END
$$;
REVOKE ALL ON FUNCTION forebay.row_fits(integer, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.row_fits(integer, integer) TO forebay_read;
