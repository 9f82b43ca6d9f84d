-- What only a sandbox's own API stores: who voted, properties of issues, and the bytes of attachments.

CREATE TABLE votes (
    tenant_id uuid NOT NULL,
    issue_id uuid NOT NULL,
    user_id uuid NOT NULL,
    PRIMARY KEY (tenant_id, issue_id, user_id),
    CONSTRAINT votes_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT votes_user_fkey FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX votes_user ON votes (tenant_id, user_id);
SELECT forebay.protect('votes');
SELECT forebay.limit_to_projects('votes');

CREATE TABLE issue_properties (
    tenant_id uuid NOT NULL,
    issue_id uuid NOT NULL,
    key varchar(255) NOT NULL,
    value jsonb NOT NULL,
    PRIMARY KEY (tenant_id, issue_id, key),
    CONSTRAINT issue_properties_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE
);
SELECT forebay.protect('issue_properties');
SELECT forebay.limit_to_projects('issue_properties');

CREATE TABLE attachment_contents (
    tenant_id uuid NOT NULL,
    attachment_id uuid NOT NULL,
    issue_id uuid NOT NULL,
    content bytea NOT NULL,
    PRIMARY KEY (tenant_id, attachment_id),
    CONSTRAINT attachment_contents_attachment_fkey FOREIGN KEY (tenant_id, attachment_id) REFERENCES attachments (tenant_id, id) ON DELETE CASCADE,
    CONSTRAINT attachment_contents_issue_fkey FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE
);
-- Files are mostly compressed already.
ALTER TABLE attachment_contents ALTER COLUMN content SET STORAGE EXTERNAL;
CREATE INDEX attachment_contents_issue ON attachment_contents (tenant_id, issue_id);
SELECT forebay.protect('attachment_contents');
SELECT forebay.limit_to_projects('attachment_contents');
