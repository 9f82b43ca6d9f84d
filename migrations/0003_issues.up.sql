-- Issues and all that hangs on them.
--
-- Ids of users are derived from Jira's own, and the upsert stores a user with the row that names them. Where nothing
-- searches by the person (creator, the authors of comments and histories) there is no foreign key: without an index of its
-- own each removed user would scan those tables (13 s for a site of 2,433 issues), and with one every write pays.

CREATE TABLE issues (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    -- jira_id as a number, for numeric order.
    jira_number bigint NOT NULL,
    key varchar(50) NOT NULL,
    key_project varchar(50) NOT NULL,
    key_number bigint NOT NULL,
    project_id uuid NOT NULL,

    issue_type varchar(255),
    issue_type_id varchar(50),
    hierarchy_level smallint,
    status varchar(255) NOT NULL,
    status_id varchar(50) NOT NULL,
    status_category varchar(20) NOT NULL,
    priority varchar(255),
    priority_id varchar(50),
    resolution varchar(255),
    resolution_id varchar(50),
    summary text NOT NULL,
    description_adf jsonb,
    description_text text,

    assignee_id uuid,
    reporter_id uuid,
    creator_id uuid,

    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    resolved_at timestamptz,
    due_date date,

    -- No foreign key: the parent may be invisible to the copy, or arrive later.
    parent_issue_id uuid,
    parent_key varchar(50),
    epic_key varchar(50),

    sprint_ids integer[],
    story_points numeric(10, 2),

    labels text[],
    components text[],

    -- The issue as the site served it, whole, but for e-mail addresses and the lists that have tables of their own
    -- (comments, worklogs, histories); raw_dialect says which shape.
    raw_jsonb jsonb NOT NULL,
    raw_dialect varchar(2) NOT NULL,
    -- Whether the source gave a changelog, and its paging envelope: what an export left out is not invented.
    changelog_envelope jsonb,
    search tsvector GENERATED ALWAYS AS (
        setweight(to_tsvector('english', left(summary, 1000)), 'A')
        || to_tsvector('english', left(coalesce(description_text, ''), 100000))) STORED,

    presence varchar(12) NOT NULL DEFAULT 'present',
    source_hash bytea NOT NULL,
    jira_updated_at timestamptz NOT NULL,
    synced_at timestamptz NOT NULL DEFAULT now(),

    PRIMARY KEY (tenant_id, id),
    CONSTRAINT issues_jira_id_key UNIQUE (tenant_id, instance_id, jira_id),
    -- Deferred, so that two issues can swap keys inside one batch.
    CONSTRAINT issues_present_key EXCLUDE USING btree (tenant_id WITH =, instance_id WITH =, key WITH =)
        WHERE (presence = 'present') DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT issues_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT issues_project_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT issues_assignee_fkey FOREIGN KEY (tenant_id, assignee_id) REFERENCES users (tenant_id, id),
    CONSTRAINT issues_reporter_fkey FOREIGN KEY (tenant_id, reporter_id) REFERENCES users (tenant_id, id),
    CONSTRAINT issues_dialect_check CHECK (raw_dialect IN ('v2', 'v3')),
    CONSTRAINT issues_status_category_check CHECK (status_category IN ('new', 'indeterminate', 'done', 'undefined')),
    CONSTRAINT issues_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
CREATE INDEX issues_key ON issues (tenant_id, key);
CREATE INDEX issues_project_updated ON issues (tenant_id, project_id, updated_at DESC, jira_number DESC);
CREATE INDEX issues_project_key ON issues (tenant_id, key_project, key_number);
CREATE INDEX issues_status_updated ON issues (tenant_id, status, updated_at DESC, jira_number DESC);
CREATE INDEX issues_category ON issues (tenant_id, status_category, updated_at DESC);
CREATE INDEX issues_assignee_updated ON issues (tenant_id, assignee_id, updated_at DESC, jira_number DESC);
CREATE INDEX issues_reporter ON issues (tenant_id, reporter_id, updated_at DESC);
CREATE INDEX issues_created ON issues (tenant_id, instance_id, created_at DESC, jira_number DESC);
CREATE INDEX issues_created_any_instance ON issues (tenant_id, created_at DESC, jira_number DESC);
CREATE INDEX issues_updated ON issues (tenant_id, instance_id, updated_at DESC, jira_number DESC);
CREATE INDEX issues_updated_any_instance ON issues (tenant_id, updated_at DESC, jira_number DESC);
CREATE INDEX issues_resolved ON issues (tenant_id, resolved_at) WHERE resolved_at IS NOT NULL;
CREATE INDEX issues_parent ON issues (tenant_id, parent_issue_id) WHERE parent_issue_id IS NOT NULL;
CREATE INDEX issues_jira_number ON issues (tenant_id, instance_id, jira_number);
-- Row-level security keeps this one out of ordinary plans; forebay.search_issues() reads it.
CREATE INDEX issues_search ON issues USING gin (search);
SELECT forebay.protect('issues', true);

-- Old keys, which Jira keeps answering to. A live key wins over an alias.
CREATE TABLE issue_key_aliases (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    key varchar(50) NOT NULL,
    issue_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, key),
    CONSTRAINT issue_key_aliases_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX issue_key_aliases_issue ON issue_key_aliases (tenant_id, issue_id);
SELECT forebay.protect('issue_key_aliases');

-- One row per value of each multi-valued or custom field: B-trees serve under row-level security, GIN does not.
CREATE TABLE issue_field_values (
    tenant_id uuid NOT NULL,
    issue_id uuid NOT NULL,
    -- Jira's field id: labels, components, fixVersions, versions, customfield_10020 ...
    field_id varchar(100) NOT NULL,
    ordinal integer NOT NULL,
    -- The id of the value, where it has one (option, version, component, sprint, account).
    value_id varchar(255),
    value_text text,
    -- Lower-cased and cut, for equality and order.
    value_key varchar(255),
    value_number numeric,
    value_time timestamptz,
    PRIMARY KEY (tenant_id, issue_id, field_id, ordinal),
    CONSTRAINT issue_field_values_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX issue_field_values_key ON issue_field_values (tenant_id, field_id, value_key, issue_id);
CREATE INDEX issue_field_values_id ON issue_field_values (tenant_id, field_id, value_id, issue_id) WHERE value_id IS NOT NULL;
CREATE INDEX issue_field_values_number ON issue_field_values (tenant_id, field_id, value_number, issue_id) WHERE value_number IS NOT NULL;
CREATE INDEX issue_field_values_time ON issue_field_values (tenant_id, field_id, value_time, issue_id) WHERE value_time IS NOT NULL;
SELECT forebay.protect('issue_field_values', true);

-- A link is one fact seen from two issues; either end may be outside the copy.
CREATE TABLE issue_links (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    inward_issue_id uuid NOT NULL,
    outward_issue_id uuid NOT NULL,
    inward_key varchar(50) NOT NULL,
    outward_key varchar(50) NOT NULL,
    link_type varchar(100) NOT NULL,
    link_type_id varchar(50),
    inward_name varchar(255),
    outward_name varchar(255),
    presence varchar(12) NOT NULL DEFAULT 'present',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT issue_links_jira_id_key UNIQUE (tenant_id, instance_id, jira_id),
    CONSTRAINT issue_links_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT issue_links_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
CREATE INDEX issue_links_inward ON issue_links (tenant_id, inward_issue_id);
CREATE INDEX issue_links_outward ON issue_links (tenant_id, outward_issue_id);
SELECT forebay.protect('issue_links', true);

CREATE TABLE comments (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    jira_number bigint NOT NULL,
    issue_id uuid NOT NULL,
    author_id uuid,
    -- ADF, or a JSON string of wiki markup where raw_dialect is v2.
    body_adf jsonb NOT NULL,
    body_text text NOT NULL DEFAULT '',
    raw_jsonb jsonb NOT NULL,
    raw_dialect varchar(2) NOT NULL,
    search tsvector GENERATED ALWAYS AS (to_tsvector('english', left(body_text, 100000))) STORED,
    presence varchar(12) NOT NULL DEFAULT 'present',
    source_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT comments_jira_id_key UNIQUE (tenant_id, instance_id, jira_id),
    CONSTRAINT comments_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT comments_dialect_check CHECK (raw_dialect IN ('v2', 'v3')),
    CONSTRAINT comments_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
CREATE INDEX comments_issue ON comments (tenant_id, issue_id, created_at, jira_number);
CREATE INDEX comments_created ON comments (tenant_id, created_at);
CREATE INDEX comments_search ON comments USING gin (search);
SELECT forebay.protect('comments', true);

CREATE TABLE worklogs (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    jira_number bigint NOT NULL,
    issue_id uuid NOT NULL,
    author_id uuid,
    started_at timestamptz NOT NULL,
    time_spent_seconds bigint NOT NULL,
    raw_jsonb jsonb NOT NULL,
    raw_dialect varchar(2) NOT NULL,
    presence varchar(12) NOT NULL DEFAULT 'present',
    source_hash bytea NOT NULL,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    synced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT worklogs_jira_id_key UNIQUE (tenant_id, instance_id, jira_id),
    CONSTRAINT worklogs_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT worklogs_author_fkey FOREIGN KEY (tenant_id, author_id) REFERENCES users (tenant_id, id),
    CONSTRAINT worklogs_dialect_check CHECK (raw_dialect IN ('v2', 'v3')),
    CONSTRAINT worklogs_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
CREATE INDEX worklogs_issue ON worklogs (tenant_id, issue_id, started_at);
CREATE INDEX worklogs_author ON worklogs (tenant_id, author_id, started_at);
SELECT forebay.protect('worklogs', true);

-- One row per item of a history: a history holds many, the same field even twice, so the key has an ordinal.
CREATE TABLE changelogs (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL DEFAULT gen_random_uuid(),
    instance_id uuid NOT NULL,
    issue_id uuid NOT NULL,
    -- The id of the history.
    jira_id varchar(50) NOT NULL,
    jira_number bigint NOT NULL,
    ordinal integer NOT NULL,
    author_id uuid,
    created_at timestamptz NOT NULL,
    field varchar(255) NOT NULL,
    field_id varchar(100),
    field_type varchar(50),
    from_value text,
    to_value text,
    from_string text,
    to_string text,
    -- The item as served.
    raw_jsonb jsonb,
    -- The history without its items, kept once, on ordinal 0.
    history_jsonb jsonb,
    PRIMARY KEY (tenant_id, issue_id, jira_id, ordinal),
    CONSTRAINT changelogs_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX changelogs_field ON changelogs (tenant_id, field, created_at);
CREATE INDEX changelogs_created ON changelogs (tenant_id, created_at);
SELECT forebay.protect('changelogs', true);

-- These tables are read by issue. With statistics on tenant_id the planner takes a tenant that came after the last ANALYZE
-- for a single row, finds every index that begins with tenant_id equally good, and reads the tenant's whole table for each
-- look-up (a first copy of 2,000 issues took over 40 s instead of 5). Without them it assumes a share, and the key wins.
ALTER TABLE changelogs ALTER COLUMN tenant_id SET STATISTICS 0;
ALTER TABLE comments ALTER COLUMN tenant_id SET STATISTICS 0;
ALTER TABLE worklogs ALTER COLUMN tenant_id SET STATISTICS 0;
ALTER TABLE issue_links ALTER COLUMN tenant_id SET STATISTICS 0;
ALTER TABLE issue_field_values ALTER COLUMN tenant_id SET STATISTICS 0;

-- Full text under row-level security: `@@` is not leakproof, so PostgreSQL would scan. This function names the tenant
-- as its first condition and returns ids only, which the caller joins back under the policies.
CREATE FUNCTION forebay.search_issues(query tsquery, in_comments boolean) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT i.id FROM public.issues i
    WHERE i.tenant_id = forebay.current_tenant() AND i.search @@ query
    UNION
    SELECT c.issue_id FROM public.comments c
    WHERE in_comments AND c.tenant_id = forebay.current_tenant() AND c.presence = 'present' AND c.search @@ query
$$;
CREATE FUNCTION forebay.search_comments(query tsquery) RETURNS SETOF uuid
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog
AS $$
    SELECT c.issue_id FROM public.comments c
    WHERE c.tenant_id = forebay.current_tenant() AND c.presence = 'present' AND c.search @@ query
$$;
GRANT CREATE ON SCHEMA forebay TO forebay_definer;
ALTER FUNCTION forebay.search_issues(tsquery, boolean) OWNER TO forebay_definer;
ALTER FUNCTION forebay.search_comments(tsquery) OWNER TO forebay_definer;
REVOKE CREATE ON SCHEMA forebay FROM forebay_definer;
REVOKE ALL ON FUNCTION forebay.search_issues(tsquery, boolean), forebay.search_comments(tsquery) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.search_issues(tsquery, boolean), forebay.search_comments(tsquery) TO forebay_app;
