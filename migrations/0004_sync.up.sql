-- How the copy is kept: watermarks, runs with their leases, webhooks in and out.

CREATE TABLE sync_watermarks (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    instance_id uuid NOT NULL,
    entity varchar(50) NOT NULL,
    last_cursor varchar(255),
    -- The largest `updated` stored, never a wall clock.
    last_updated_at timestamptz,
    last_sync_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, entity),
    CONSTRAINT sync_watermarks_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('sync_watermarks');

CREATE TABLE sync_runs (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    kind varchar(20) NOT NULL,
    state varchar(20) NOT NULL,
    -- Who runs it, until when: a dead worker's run can be taken over after that.
    holder uuid NOT NULL,
    lease_until timestamptz NOT NULL,
    step varchar(100) NOT NULL DEFAULT '',
    done bigint NOT NULL DEFAULT 0,
    total bigint,
    issues bigint NOT NULL DEFAULT 0,
    comments bigint NOT NULL DEFAULT 0,
    changelog_items bigint NOT NULL DEFAULT 0,
    worklogs bigint NOT NULL DEFAULT 0,
    requests bigint NOT NULL DEFAULT 0,
    retries bigint NOT NULL DEFAULT 0,
    rejected bigint NOT NULL DEFAULT 0,
    -- Where to go on after a kill: committed with the page it describes.
    checkpoint jsonb,
    error text,
    started_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT sync_runs_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT sync_runs_kind_check CHECK (kind IN ('backfill', 'poll')),
    CONSTRAINT sync_runs_state_check CHECK (state IN ('running', 'succeeded', 'failed', 'canceled'))
);
CREATE UNIQUE INDEX sync_runs_one_running ON sync_runs (tenant_id, instance_id) WHERE state = 'running';
CREATE INDEX sync_runs_instance ON sync_runs (tenant_id, instance_id, started_at DESC);
SELECT forebay.protect('sync_runs');

-- Rows of the source that could not be stored, kept aside with the reason: one bad row never stops a run.
CREATE TABLE sync_rejects (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    instance_id uuid NOT NULL,
    jira_id varchar(50),
    reason text NOT NULL,
    raw_jsonb jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT sync_rejects_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX sync_rejects_instance ON sync_rejects (tenant_id, instance_id, created_at DESC);
SELECT forebay.protect('sync_rejects');

-- Deliveries received from a site. The delivery id dedupes retries; the body is a hint, never data.
CREATE TABLE webhook_inbox (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    delivery_id varchar(255) NOT NULL,
    event varchar(100) NOT NULL,
    issue_jira_id varchar(50),
    body jsonb NOT NULL,
    state varchar(20) NOT NULL DEFAULT 'received',
    error text,
    received_at timestamptz NOT NULL DEFAULT now(),
    processed_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT webhook_inbox_delivery_key UNIQUE (tenant_id, instance_id, delivery_id),
    CONSTRAINT webhook_inbox_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT webhook_inbox_state_check CHECK (state IN ('received', 'processed', 'ignored', 'failed'))
);
CREATE INDEX webhook_inbox_open ON webhook_inbox (tenant_id, instance_id, issue_jira_id) WHERE state = 'received';
CREATE INDEX webhook_inbox_received ON webhook_inbox (tenant_id, instance_id, received_at DESC);
SELECT forebay.protect('webhook_inbox');

-- Admin webhooks registered at a sandbox, as Jira's /rest/webhooks/1.0/webhook keeps them.
CREATE TABLE webhooks (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id bigint NOT NULL,
    name varchar(255) NOT NULL,
    url varchar(2000) NOT NULL,
    events text[] NOT NULL,
    jql text,
    exclude_body boolean NOT NULL DEFAULT false,
    enabled boolean NOT NULL DEFAULT true,
    secret_encrypted text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT webhooks_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('webhooks');
