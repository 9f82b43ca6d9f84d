-- Every write, with what was before and what is after.
CREATE TABLE audit_log (
    id uuid NOT NULL,
    -- No foreign keys: the log outlives what it speaks of, until the tenant itself is removed.
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    instance_id uuid,
    actor varchar(255) NOT NULL,
    action varchar(100) NOT NULL,
    target varchar(255),
    -- succeeded, failed, or indeterminate where the site's answer was lost.
    outcome varchar(20) NOT NULL DEFAULT 'succeeded',
    payload jsonb,
    request_id varchar(64),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT audit_log_outcome_check CHECK (outcome IN ('succeeded', 'failed', 'indeterminate'))
);
CREATE INDEX audit_log_created ON audit_log (tenant_id, created_at DESC, id DESC);
CREATE INDEX audit_log_action ON audit_log (tenant_id, action, created_at DESC);
CREATE INDEX audit_log_target ON audit_log (tenant_id, target, created_at DESC);
SELECT forebay.protect('audit_log');
-- Written once, read often, changed never.
REVOKE UPDATE, DELETE ON audit_log FROM forebay_app;

-- Answers to writes that carried an Idempotency-Key, kept for 24 hours.
CREATE TABLE idempotency_keys (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    key varchar(255) NOT NULL,
    -- Hash of method, path and body: the same key for another request is a client's mistake.
    request_hash bytea NOT NULL,
    status integer,
    response jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, key)
);
CREATE INDEX idempotency_keys_created ON idempotency_keys (tenant_id, created_at);
SELECT forebay.protect('idempotency_keys');
