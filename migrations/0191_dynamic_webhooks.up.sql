-- Dynamic webhooks, as apps register them at a site (jira-facts 3.1): they end by themselves, and tell of certain fields and
-- properties only.
ALTER TABLE webhooks
    ADD COLUMN expires_at timestamptz,
    ADD COLUMN field_ids text[],
    ADD COLUMN property_keys text[];

-- Deliveries of theirs that were given up, for whoever asks what was missed.
CREATE TABLE webhook_failures (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    url varchar(2000) NOT NULL,
    body jsonb,
    failed_at timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT webhook_failures_instance_fkey FOREIGN KEY (tenant_id, instance_id)
        REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX webhook_failures_failed ON webhook_failures (tenant_id, instance_id, failed_at, id);
SELECT forebay.protect('webhook_failures');
SELECT forebay.limit_to_whole_tenants('webhook_failures');
