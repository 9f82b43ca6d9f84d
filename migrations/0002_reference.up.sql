-- Reference data of a site: a rename at the source changes one row here.
-- Ids are derived from the instance and Jira's own id (domain::ids), so that a batch needs no look-ups.

CREATE TABLE projects (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    key varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    project_type varchar(50),
    lead_account_id varchar(255),
    presence varchar(12) NOT NULL DEFAULT 'present',
    raw_jsonb jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT projects_jira_id_key UNIQUE (tenant_id, instance_id, jira_id),
    CONSTRAINT projects_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT projects_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
CREATE INDEX projects_key ON projects (tenant_id, instance_id, key);
SELECT forebay.protect('projects', true);

CREATE TABLE users (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    -- accountId on Cloud; the user key on Server and Data Center, which have no accountId.
    account_id varchar(255) NOT NULL,
    display_name varchar(255),
    email_hash varchar(64),
    time_zone varchar(50),
    active boolean NOT NULL DEFAULT true,
    raw_jsonb jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT users_account_id_key UNIQUE (tenant_id, instance_id, account_id),
    CONSTRAINT users_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX users_email_hash ON users (tenant_id, email_hash) WHERE email_hash IS NOT NULL;
SELECT forebay.protect('users', true);
REVOKE SELECT ON users FROM forebay_read;
GRANT SELECT (tenant_id, id, account_id, display_name) ON users TO forebay_read;

CREATE TABLE statuses (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    -- new, indeterminate, done or undefined: names are localised and per project, categories are not.
    category varchar(20) NOT NULL,
    raw_jsonb jsonb,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT statuses_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT statuses_category_check CHECK (category IN ('new', 'indeterminate', 'done', 'undefined'))
);
SELECT forebay.protect('statuses', true);

CREATE TABLE issue_types (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    subtask boolean NOT NULL DEFAULT false,
    hierarchy_level smallint,
    raw_jsonb jsonb,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT issue_types_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('issue_types', true);

-- rank: the order of the site, highest first; Jira orders by it, never by id.
CREATE TABLE priorities (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    rank integer NOT NULL,
    raw_jsonb jsonb,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT priorities_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('priorities', true);

CREATE TABLE resolutions (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    rank integer NOT NULL,
    raw_jsonb jsonb,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT resolutions_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('resolutions', true);

CREATE TABLE custom_fields (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    field_key varchar(100) NOT NULL,
    name varchar(255) NOT NULL,
    -- Stored, because lower() is not leakproof and an expression index on it would not serve under row-level security.
    name_lower varchar(255) NOT NULL,
    field_type varchar(50),
    custom boolean NOT NULL DEFAULT true,
    schema_raw jsonb,
    raw_jsonb jsonb,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT custom_fields_field_key_key UNIQUE (tenant_id, instance_id, field_key),
    CONSTRAINT custom_fields_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX custom_fields_name ON custom_fields (tenant_id, name_lower);
SELECT forebay.protect('custom_fields', true);

CREATE TABLE sprints (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id bigint NOT NULL,
    name varchar(255) NOT NULL,
    state varchar(20) NOT NULL,
    board_id bigint,
    goal text,
    start_date timestamptz,
    end_date timestamptz,
    complete_date timestamptz,
    raw_jsonb jsonb,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT sprints_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('sprints', true);
