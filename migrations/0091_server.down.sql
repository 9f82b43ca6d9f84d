DROP FUNCTION forebay.newest_migration();
DROP TABLE forebay.server;
