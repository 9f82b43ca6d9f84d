-- OAuth 2.0: what access tokens are renewed with. Jira gives a new refresh token with each access token and the old one is spent,
-- so a row is locked while it is renewed, and the new one is committed before the access token is used.
CREATE TABLE oauth_grants (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    -- Client, refresh token, access token and its end, sealed.
    grant_encrypted text NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id),
    CONSTRAINT oauth_grants_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('oauth_grants');
-- Not for callers who are limited to projects: renewing one is Forebay's own work.
SELECT forebay.limit_to_whole_tenants('oauth_grants');

ALTER TABLE jira_instances
    -- The site's id at Atlassian's gateway, where requests then go; base_url stays the address for people.
    ADD COLUMN cloud_id varchar(64),
    -- Why the credential is of no use any more until a person gives another; NULL while it is.
    ADD COLUMN credential_problem text;
