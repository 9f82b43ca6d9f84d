-- The rest of a site's reference data: versions, components, boards, filters, types of links, contexts and options of custom
-- fields. Issue rows and issue_field_values name them by Jira's id (value_id), so a rename at the source is one row here.
--
-- presence: what a whole roster does not list any more, and no present issue refers to, is `deleted`. It is never removed:
-- histories and issues that are gone still name it.

-- What a row was made of, to compare copies without reading payloads.
CREATE FUNCTION forebay.source_hash(payload jsonb) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN sha256(convert_to(payload::text, 'UTF8'));

ALTER TABLE projects
    ADD COLUMN source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED;
ALTER TABLE users
    ADD COLUMN presence varchar(12) NOT NULL DEFAULT 'present',
    ADD COLUMN source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    ADD CONSTRAINT users_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'));
ALTER TABLE statuses
    ADD COLUMN presence varchar(12) NOT NULL DEFAULT 'present',
    ADD COLUMN source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    ADD CONSTRAINT statuses_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'));
ALTER TABLE issue_types
    ADD COLUMN presence varchar(12) NOT NULL DEFAULT 'present',
    ADD COLUMN source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    ADD CONSTRAINT issue_types_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'));
ALTER TABLE priorities
    ADD COLUMN presence varchar(12) NOT NULL DEFAULT 'present',
    ADD COLUMN source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    ADD CONSTRAINT priorities_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'));
ALTER TABLE resolutions
    ADD COLUMN presence varchar(12) NOT NULL DEFAULT 'present',
    ADD COLUMN source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    ADD CONSTRAINT resolutions_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'));
ALTER TABLE custom_fields
    ADD COLUMN presence varchar(12) NOT NULL DEFAULT 'present',
    ADD COLUMN source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    ADD CONSTRAINT custom_fields_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'));
ALTER TABLE sprints
    ADD COLUMN presence varchar(12) NOT NULL DEFAULT 'present',
    ADD COLUMN source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    ADD CONSTRAINT sprints_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'));

CREATE TABLE versions (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    -- Empty where the copy does not have the project.
    project_id uuid,
    name varchar(255) NOT NULL,
    description text,
    -- The project's own order, by which JQL compares versions; empty until a roster tells.
    sequence integer,
    archived boolean NOT NULL DEFAULT false,
    released boolean NOT NULL DEFAULT false,
    start_date date,
    release_date date,
    raw_jsonb jsonb,
    source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    presence varchar(12) NOT NULL DEFAULT 'present',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT versions_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT versions_project_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT versions_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
-- The versions of a project, in its order.
CREATE INDEX versions_project ON versions (tenant_id, project_id, sequence);
SELECT forebay.protect('versions', true);

CREATE TABLE components (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    -- Empty where the copy does not have the project.
    project_id uuid,
    name varchar(255) NOT NULL,
    description text,
    lead_account_id varchar(255),
    raw_jsonb jsonb,
    source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    presence varchar(12) NOT NULL DEFAULT 'present',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT components_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT components_project_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT components_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
CREATE INDEX components_project ON components (tenant_id, project_id, name);
SELECT forebay.protect('components', true);

CREATE TABLE boards (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id bigint NOT NULL,
    name varchar(255) NOT NULL,
    -- scrum, kanban, or simple (team-managed)
    board_type varchar(20),
    -- No foreign key: a board may be at home in a project that the account does not see.
    project_id uuid,
    raw_jsonb jsonb,
    source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    presence varchar(12) NOT NULL DEFAULT 'present',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT boards_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT boards_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
CREATE INDEX boards_project ON boards (tenant_id, project_id);
SELECT forebay.protect('boards', true);

-- A sprint belongs to one board (sprints.board_id), and is listed on every board whose filter has issues of it.
CREATE TABLE board_sprints (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    board_id bigint NOT NULL,
    sprint_id bigint NOT NULL,
    PRIMARY KEY (tenant_id, instance_id, board_id, sprint_id),
    CONSTRAINT board_sprints_board_fkey FOREIGN KEY (tenant_id, instance_id, board_id) REFERENCES boards (tenant_id, instance_id, jira_id) ON DELETE CASCADE,
    CONSTRAINT board_sprints_sprint_fkey FOREIGN KEY (tenant_id, instance_id, sprint_id) REFERENCES sprints (tenant_id, instance_id, jira_id) ON DELETE CASCADE
);
CREATE INDEX board_sprints_sprint ON board_sprints (tenant_id, instance_id, sprint_id);
SELECT forebay.protect('board_sprints', true);

CREATE TABLE filters (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    description text,
    jql text,
    owner_account_id varchar(255),
    raw_jsonb jsonb,
    source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    presence varchar(12) NOT NULL DEFAULT 'present',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT filters_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT filters_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
SELECT forebay.protect('filters', true);

CREATE TABLE issue_link_types (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    -- How the ends read: "is blocked by" and "blocks".
    inward varchar(255),
    outward varchar(255),
    raw_jsonb jsonb,
    source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    presence varchar(12) NOT NULL DEFAULT 'present',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, jira_id),
    CONSTRAINT issue_link_types_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT issue_link_types_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
SELECT forebay.protect('issue_link_types', true);

-- Where a custom field applies, and with which options (`GET /field/{id}/context`, for administrators). No foreign key to
-- custom_fields here and below: an import may show a field's values without any roster of fields.
CREATE TABLE field_contexts (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    field_key varchar(100) NOT NULL,
    jira_id varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    is_global boolean NOT NULL DEFAULT false,
    raw_jsonb jsonb,
    source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    presence varchar(12) NOT NULL DEFAULT 'present',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, field_key, jira_id),
    CONSTRAINT field_contexts_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT field_contexts_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
SELECT forebay.protect('field_contexts', true);

-- The field is in the key: apps number the options of their own fields themselves.
CREATE TABLE field_options (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    field_key varchar(100) NOT NULL,
    jira_id varchar(50) NOT NULL,
    context_id varchar(50),
    -- The option under which this one stands in a cascading select.
    parent_id varchar(50),
    value varchar(255) NOT NULL,
    -- The site's order; empty for an option that only issues have shown.
    sequence integer,
    disabled boolean NOT NULL DEFAULT false,
    raw_jsonb jsonb,
    source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    presence varchar(12) NOT NULL DEFAULT 'present',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, field_key, jira_id),
    CONSTRAINT field_options_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT field_options_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
SELECT forebay.protect('field_options', true);
