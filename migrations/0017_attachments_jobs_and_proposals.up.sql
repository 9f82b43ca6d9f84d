-- What hangs on issues beside comments and worklogs; the history of background jobs; proposals of models and what they cost.

-- Metadata: the files stay at the source. The payload is kept once, inside the issue's.
CREATE TABLE attachments (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    issue_id uuid NOT NULL,
    -- No foreign key: nothing searches by the person (see comments).
    author_id uuid,
    filename text NOT NULL,
    mime_type varchar(255),
    size_bytes bigint,
    content_url text,
    created_at timestamptz NOT NULL,
    presence varchar(12) NOT NULL DEFAULT 'present',
    source_hash bytea NOT NULL,
    synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT attachments_jira_id_key UNIQUE (tenant_id, instance_id, jira_id),
    CONSTRAINT attachments_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT attachments_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
CREATE INDEX attachments_issue ON attachments (tenant_id, issue_id, created_at);
SELECT forebay.protect('attachments', true);

-- How many watch an issue and voted for it. A table of its own: Jira does not touch an issue's `updated` for these
-- (jira-facts 2.3), and the issue's row is wide and has many indexes.
CREATE TABLE issue_counts (
    tenant_id uuid NOT NULL,
    issue_id uuid NOT NULL,
    watchers integer NOT NULL DEFAULT 0,
    votes integer NOT NULL DEFAULT 0,
    PRIMARY KEY (tenant_id, issue_id),
    CONSTRAINT issue_counts_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('issue_counts', true);

-- Who watches an issue. Only the issue itself tells (`GET /issue/{key}/watchers`), so there are rows only where it was asked.
CREATE TABLE watchers (
    tenant_id uuid NOT NULL,
    issue_id uuid NOT NULL,
    user_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, issue_id, user_id),
    CONSTRAINT watchers_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT watchers_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX watchers_user ON watchers (tenant_id, user_id);
SELECT forebay.protect('watchers', true);

-- Links to what is outside of the site. Like watchers, asked for issue by issue (`GET /issue/{key}/remotelink`).
CREATE TABLE remote_links (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    issue_id uuid NOT NULL,
    -- The identity at the other side, which whoever made the link chose; it is what links are replaced by.
    global_id varchar(255),
    relationship varchar(255),
    application varchar(255),
    title text NOT NULL,
    url text NOT NULL,
    raw_jsonb jsonb NOT NULL,
    source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    presence varchar(12) NOT NULL DEFAULT 'present',
    synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT remote_links_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT remote_links_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
CREATE INDEX remote_links_issue ON remote_links (tenant_id, issue_id);
SELECT forebay.protect('remote_links', true);

-- Read by issue, like the children in 0003: see there why tenant_id has no statistics.
ALTER TABLE attachments ALTER COLUMN tenant_id SET STATISTICS 0;
ALTER TABLE issue_counts ALTER COLUMN tenant_id SET STATISTICS 0;
ALTER TABLE watchers ALTER COLUMN tenant_id SET STATISTICS 0;
ALTER TABLE remote_links ALTER COLUMN tenant_id SET STATISTICS 0;

-- The queue forgets a job that is done; this does not, for 30 days. Work across tenants (a scheduler's tick) has no tenant,
-- and no tenant sees it.
CREATE TABLE job_runs (
    tenant_id uuid REFERENCES tenants (id) ON DELETE CASCADE,
    id uuid NOT NULL PRIMARY KEY,
    -- No foreign key: a run outlives the instance that it removed or failed to find.
    instance_id uuid,
    task varchar(100) NOT NULL,
    attempt integer NOT NULL,
    -- retry: failed and comes again. retry_after: waits as the other side asked. failed: a dead letter.
    outcome varchar(20) NOT NULL,
    error text,
    started_at timestamptz NOT NULL,
    finished_at timestamptz NOT NULL,
    CONSTRAINT job_runs_outcome_check CHECK (outcome IN ('succeeded', 'retry', 'retry_after', 'failed'))
);
CREATE INDEX job_runs_tenant ON job_runs (tenant_id, started_at DESC, id DESC);
CREATE INDEX job_runs_finished ON job_runs (finished_at);
SELECT forebay.protect('job_runs');
REVOKE INSERT, UPDATE, DELETE ON job_runs FROM forebay_app;
-- A worker writes them, for every tenant and for none.
CREATE POLICY every_run ON job_runs TO forebay_platform USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, DELETE ON job_runs TO forebay_platform;
-- For FOR UPDATE SKIP LOCKED: two workers that forget old runs must not wait for each other.
GRANT UPDATE (id) ON job_runs TO forebay_platform;

-- Changes that a model suggests and a person decides on. What was applied is in the audit log, with its way back.
CREATE TABLE ai_proposals (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    issue_id uuid NOT NULL,
    -- triage, reply, fields, transition ...
    kind varchar(50) NOT NULL,
    state varchar(20) NOT NULL DEFAULT 'proposed',
    -- What is to be done, checked against the schema of its kind.
    content jsonb NOT NULL,
    -- The issue as the model saw it: a proposal for another state is out of date.
    source_hash bytea NOT NULL,
    -- Calibrated: of proposals with 0.8, four in five are right.
    confidence real,
    intent varchar(100),
    model varchar(255) NOT NULL,
    proposed_at timestamptz NOT NULL DEFAULT now(),
    decided_by varchar(255),
    decided_at timestamptz,
    -- The entry of the audit log that applied it. No foreign key: the log is kept by its own rules.
    audit_id uuid,
    error text,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT ai_proposals_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT ai_proposals_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT ai_proposals_state_check CHECK (state IN ('proposed', 'approved', 'rejected', 'applied', 'failed', 'expired', 'rolled_back')),
    CONSTRAINT ai_proposals_confidence_check CHECK (confidence BETWEEN 0 AND 1),
    CONSTRAINT ai_proposals_decision_check CHECK ((decided_at IS NULL) = (state IN ('proposed', 'expired')))
);
-- What waits for a decision, newest first; and what was proposed for an issue.
CREATE INDEX ai_proposals_state ON ai_proposals (tenant_id, state, proposed_at DESC);
CREATE INDEX ai_proposals_instance ON ai_proposals (tenant_id, instance_id);
CREATE INDEX ai_proposals_issue ON ai_proposals (tenant_id, issue_id, proposed_at DESC);
SELECT forebay.protect('ai_proposals');

-- One row per call of a model, and per credit booked for a proposal that was applied. A chain: each row's hash covers the
-- hash before it, so that a row cannot be changed or taken out unseen.
CREATE TABLE ai_ledger (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    sequence bigint NOT NULL,
    -- No foreign keys: the ledger outlives what it speaks of, until the tenant itself is removed.
    instance_id uuid,
    proposal_id uuid,
    kind varchar(20) NOT NULL,
    purpose varchar(50) NOT NULL,
    actor varchar(255) NOT NULL,
    provider varchar(50),
    model varchar(255),
    input_tokens bigint NOT NULL DEFAULT 0,
    output_tokens bigint NOT NULL DEFAULT 0,
    -- Millionths of a US dollar.
    cost_micros bigint NOT NULL DEFAULT 0,
    duration_ms integer,
    credits integer NOT NULL DEFAULT 0,
    seconds_saved integer NOT NULL DEFAULT 0,
    outcome varchar(20) NOT NULL,
    created_at timestamptz NOT NULL,
    previous_hash bytea NOT NULL,
    hash bytea NOT NULL,
    PRIMARY KEY (tenant_id, sequence),
    CONSTRAINT ai_ledger_kind_check CHECK (kind IN ('call', 'credit')),
    CONSTRAINT ai_ledger_amounts_check CHECK (input_tokens >= 0 AND output_tokens >= 0 AND cost_micros >= 0),
    CONSTRAINT ai_ledger_hash_check CHECK (octet_length(previous_hash) = 32 AND octet_length(hash) = 32)
);
-- What a month has cost, against the budget.
CREATE INDEX ai_ledger_created ON ai_ledger (tenant_id, created_at) INCLUDE (cost_micros, credits);
SELECT forebay.protect('ai_ledger');
REVOKE UPDATE, DELETE ON ai_ledger FROM forebay_app;
