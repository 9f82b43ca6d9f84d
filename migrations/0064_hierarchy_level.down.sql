DROP FUNCTION forebay.hierarchy_level(smallint, boolean, text);
