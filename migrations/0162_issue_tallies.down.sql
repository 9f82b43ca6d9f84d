DROP TRIGGER tally_added ON issues;
DROP TRIGGER tally_changed ON issues;
DROP TRIGGER tally_removed ON issues;
DROP FUNCTION forebay.tally_issues();
DROP FUNCTION forebay.fold_tallies(uuid, uuid);
DROP TABLE issue_tallies;
