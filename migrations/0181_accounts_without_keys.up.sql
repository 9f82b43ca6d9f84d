-- Whoever an issue or a worklog names gets a row in the transaction that stores it, before it is stored, and a row of a user goes only
-- when nothing names it any more (erasure) or everything goes (a tenant, an instance). As for creators and authors (0003), a foreign
-- key beside that looked the row up once more, twice an issue, and wrote a lock into it for every page.
ALTER TABLE issues DROP CONSTRAINT issues_assignee_fkey;
ALTER TABLE issues DROP CONSTRAINT issues_reporter_fkey;
ALTER TABLE worklogs DROP CONSTRAINT worklogs_author_fkey;
