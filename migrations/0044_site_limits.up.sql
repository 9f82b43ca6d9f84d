-- Manners towards sites: what every process must know before it sends the next request, and what has been spent.

-- One row per instance: whoever wants to send locks it, so that nobody misses what another has just learnt.
CREATE TABLE site_limits (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    -- When the token bucket will be full if nobody takes a token any more; reservations move it into the future.
    full_at timestamptz,
    -- [{scope, until, reason}]: nothing within the scope is sent before that. A scope is `site`, `op:OPERATION` or `issue:ID`.
    pauses jsonb NOT NULL DEFAULT '[]',
    -- In a row: requests that the site refused for their number, and requests that failed.
    refused integer NOT NULL DEFAULT 0,
    failures integer NOT NULL DEFAULT 0,
    -- The pace found by what the site's headers say, in requests a minute; NULL: the ceiling that is configured.
    per_minute double precision,
    adapted_at timestamptz,
    PRIMARY KEY (tenant_id, instance_id),
    CONSTRAINT site_limits_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
) WITH (fillfactor = 50);
SELECT forebay.protect('site_limits');

-- What was asked of a site on one day (UTC).
CREATE TABLE site_usage (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    day date NOT NULL,
    requests bigint NOT NULL DEFAULT 0,
    -- Of these: repeated ones, refused ones (429), and failed ones.
    retries bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    -- As Jira Cloud counts them: one for each request, and one more for each object that it read.
    points bigint NOT NULL DEFAULT 0,
    bytes bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, instance_id, day),
    CONSTRAINT site_usage_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
) WITH (fillfactor = 50);
SELECT forebay.protect('site_usage');

ALTER TABLE jira_instances
    -- The most requests a minute to this site; NULL: the server's setting.
    ADD COLUMN requests_per_minute integer CONSTRAINT jira_instances_requests_check CHECK (requests_per_minute BETWEEN 1 AND 1000000);
