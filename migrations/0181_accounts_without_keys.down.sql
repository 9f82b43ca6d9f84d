ALTER TABLE issues ADD CONSTRAINT issues_assignee_fkey
    FOREIGN KEY (tenant_id, assignee_id) REFERENCES users (tenant_id, id) NOT VALID;
ALTER TABLE issues ADD CONSTRAINT issues_reporter_fkey
    FOREIGN KEY (tenant_id, reporter_id) REFERENCES users (tenant_id, id) NOT VALID;
ALTER TABLE worklogs ADD CONSTRAINT worklogs_author_fkey
    FOREIGN KEY (tenant_id, author_id) REFERENCES users (tenant_id, id) NOT VALID;
ALTER TABLE issues VALIDATE CONSTRAINT issues_assignee_fkey;
ALTER TABLE issues VALIDATE CONSTRAINT issues_reporter_fkey;
ALTER TABLE worklogs VALIDATE CONSTRAINT worklogs_author_fkey;
