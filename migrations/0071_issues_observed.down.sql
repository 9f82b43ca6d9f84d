DROP TABLE missing_issues;
ALTER TABLE issues DROP COLUMN observed_at;
