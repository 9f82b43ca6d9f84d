-- no-transaction
-- No question of the product asks for changes of whatever field by their time alone: changelogs_field and the primary key serve
-- them. Every item of every history paid for it.
DROP INDEX CONCURRENTLY IF EXISTS changelogs_created;
