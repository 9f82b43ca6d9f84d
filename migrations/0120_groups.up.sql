-- Groups of people with their members, who plays which role in a project, and how boards are configured.

CREATE TABLE groups (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    -- Cloud's id of the group. Server and Data Center have none: there it is the name in lower case, which names a group.
    group_id varchar(255) NOT NULL,
    name varchar(255) NOT NULL,
    name_lower varchar(255) NOT NULL,
    -- Whether `group_members` has all of them: a site may list a group and keep its members back.
    members_known boolean NOT NULL DEFAULT false,
    presence varchar(12) NOT NULL DEFAULT 'present',
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, instance_id, group_id),
    CONSTRAINT groups_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT groups_presence_check CHECK (presence IN ('present', 'deleted', 'archived', 'trashed', 'access_lost', 'unobserved'))
);
CREATE INDEX groups_name ON groups (tenant_id, name_lower);
SELECT forebay.protect('groups');

CREATE TABLE group_members (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    group_id varchar(255) NOT NULL,
    user_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, instance_id, group_id, user_id),
    CONSTRAINT group_members_group_fkey FOREIGN KEY (tenant_id, instance_id, group_id) REFERENCES groups (tenant_id, instance_id, group_id) ON DELETE CASCADE,
    CONSTRAINT group_members_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX group_members_user ON group_members (tenant_id, user_id);
SELECT forebay.protect('group_members');

CREATE TABLE project_roles (
    tenant_id uuid NOT NULL,
    instance_id uuid NOT NULL,
    project_id uuid NOT NULL,
    -- The role's id, which means the same in every project of a site.
    jira_id varchar(50) NOT NULL,
    name varchar(255) NOT NULL,
    name_lower varchar(255) NOT NULL,
    -- As served, with the people and groups who play it in this project.
    raw_jsonb jsonb NOT NULL,
    source_hash bytea GENERATED ALWAYS AS (forebay.source_hash(raw_jsonb)) STORED,
    PRIMARY KEY (tenant_id, project_id, jira_id),
    CONSTRAINT project_roles_instance_fkey FOREIGN KEY (tenant_id, instance_id) REFERENCES jira_instances (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT project_roles_project_fkey FOREIGN KEY (tenant_id, project_id) REFERENCES projects (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX project_roles_instance ON project_roles (tenant_id, instance_id, name_lower);
SELECT forebay.protect('project_roles');
SELECT forebay.limit_to_projects('project_roles', 'project_id');

-- `GET /rest/agile/1.0/board/{id}/configuration`, as served. Boards' own list does not have it.
ALTER TABLE boards ADD COLUMN configuration_raw jsonb;

ALTER TABLE reference_reads
    DROP CONSTRAINT reference_reads_list_check,
    ADD CONSTRAINT reference_reads_list_check CHECK (list IN (
        'project_parts', 'board_sprints', 'field_options', 'group_members', 'project_roles', 'users', 'followers'));
