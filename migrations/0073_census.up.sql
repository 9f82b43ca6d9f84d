-- The census: a roll call of ids that finds what has disappeared from a site, what came back, and what was never copied.
--
-- An issue that is absent from a complete listing is a candidate, no more: only when the site does not show it by its id either
-- is it gone, and only when not too many are (the brake) is that written to the issue.

-- How careful the censuses of an instance are. An instance without a row has the defaults.
CREATE TABLE census_settings (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    -- The brake stops when more than so many percent of a project, and more than so many issues, are gone.
    brake_percent integer NOT NULL DEFAULT 5,
    brake_issues integer NOT NULL DEFAULT 20,
    -- 0: only when somebody asks for one.
    every_hours integer NOT NULL DEFAULT 24,
    PRIMARY KEY (tenant_id, instance_id),
    CONSTRAINT census_settings_instance_fkey FOREIGN KEY (tenant_id, instance_id)
        REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT census_settings_percent_check CHECK (brake_percent BETWEEN 0 AND 100),
    CONSTRAINT census_settings_issues_check CHECK (brake_issues >= 0),
    CONSTRAINT census_settings_every_check CHECK (every_hours BETWEEN 0 AND 8760)
);
SELECT forebay.protect('census_settings');
SELECT forebay.limit_to_whole_tenants('census_settings');

CREATE TABLE censuses (
    tenant_id uuid NOT NULL,
    id uuid NOT NULL,
    instance_id uuid NOT NULL,
    state varchar(12) NOT NULL,
    -- Who runs it, until when: a dead worker's census can be taken over after that.
    holder uuid NOT NULL,
    lease_until timestamptz NOT NULL,
    -- Who let it go on although the brake had stopped it.
    accepted_by varchar(255),
    step varchar(100) NOT NULL DEFAULT '',
    requests bigint NOT NULL DEFAULT 0,
    error text,
    started_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT censuses_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT censuses_state_check CHECK (state IN ('running', 'held', 'succeeded', 'failed', 'rejected', 'superseded'))
);
CREATE UNIQUE INDEX censuses_one_open ON censuses (tenant_id, instance_id) WHERE state IN ('running', 'held');
CREATE INDEX censuses_instance ON censuses (tenant_id, instance_id, started_at DESC);
SELECT forebay.protect('censuses');
SELECT forebay.limit_to_whole_tenants('censuses');

CREATE TABLE census_projects (
    tenant_id uuid NOT NULL,
    census_id uuid NOT NULL,
    project_id uuid NOT NULL,
    state varchar(12) NOT NULL,
    -- How the site shows the project itself.
    standing varchar(12) NOT NULL,
    -- Issues of the copy that were present when it was compared, and what the site listed.
    present bigint NOT NULL DEFAULT 0,
    listed bigint NOT NULL DEFAULT 0,
    -- Listed and not in the copy, or under another key: fetched and stored.
    fetched bigint NOT NULL DEFAULT 0,
    -- In the copy and not listed; of these, not shown by id either.
    absent bigint NOT NULL DEFAULT 0,
    gone bigint NOT NULL DEFAULT 0,
    -- What the site could not tell just now.
    unsettled bigint NOT NULL DEFAULT 0,
    error text,
    compared_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, census_id, project_id),
    CONSTRAINT census_projects_census_fkey FOREIGN KEY (tenant_id, census_id) REFERENCES censuses (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT census_projects_project_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT census_projects_state_check CHECK (state IN ('listing', 'listed', 'confirmed', 'held', 'settled', 'failed')),
    CONSTRAINT census_projects_standing_check CHECK (standing IN ('live', 'archived', 'trashed', 'unlisted'))
);
CREATE INDEX census_projects_project ON census_projects (tenant_id, project_id);
SELECT forebay.protect('census_projects');
SELECT forebay.limit_to_projects('census_projects', 'project_id');

CREATE TABLE census_candidates (
    tenant_id uuid NOT NULL,
    census_id uuid NOT NULL,
    issue_id uuid NOT NULL,
    project_id uuid NOT NULL,
    jira_id varchar(50) NOT NULL,
    jira_number bigint NOT NULL,
    -- Whether the site does not show it by its id either.
    gone boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, census_id, issue_id),
    CONSTRAINT census_candidates_census_fkey FOREIGN KEY (tenant_id, census_id) REFERENCES censuses (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT census_candidates_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX census_candidates_project ON census_candidates (tenant_id, census_id, project_id, jira_number);
CREATE INDEX census_candidates_issue ON census_candidates (tenant_id, issue_id);
SELECT forebay.protect('census_candidates');
SELECT forebay.limit_to_projects('census_candidates');
