-- What the latest server to start was told of its surroundings: where it is reached, and which networks it may call that are not
-- public. Commands beside it (`forebay instance test`, `forebay sync run`) go by the same, whatever they were told themselves not.
-- Only the owner of the schema reads and writes it: no grants.
CREATE TABLE forebay.server (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    public_url text NOT NULL,
    private_networks text NOT NULL,
    started_at timestamptz NOT NULL
);

-- The newest migration that the database has: readiness asks, because a schema that was taken back under a running server is none
-- it can work with.
CREATE FUNCTION forebay.newest_migration() RETURNS bigint
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
BEGIN
    RETURN (SELECT max(version) FROM public._sqlx_migrations WHERE success);
END
$$;
REVOKE ALL ON FUNCTION forebay.newest_migration() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.newest_migration() TO forebay_platform;
