-- Dashboards, as a site lists them. They are the whole site's, as filters are.
CREATE TABLE dashboards (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    raw_jsonb jsonb,
    source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    presence varchar(12) NOT NULL DEFAULT 'present',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT dashboards_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT dashboards_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
SELECT forebay.protect('dashboards');
