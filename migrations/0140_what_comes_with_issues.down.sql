ALTER TABLE changelogs ADD CONSTRAINT changelogs_issue_fkey
    FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE NOT VALID;
ALTER TABLE issue_field_values ADD CONSTRAINT issue_field_values_issue_fkey
    FOREIGN KEY (tenant_id, issue_id) REFERENCES issues (tenant_id, id) ON DELETE CASCADE NOT VALID;
DROP TRIGGER remove_what_came_with_issues ON issues;
DROP FUNCTION forebay.remove_what_came_with_issues();
ALTER TABLE changelogs VALIDATE CONSTRAINT changelogs_issue_fkey;
ALTER TABLE issue_field_values VALIDATE CONSTRAINT issue_field_values_issue_fkey;
