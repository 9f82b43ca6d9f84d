-- The level of an issue; where a site has no levels (Server, Data Center), from its type: -1 a sub-task, 1 what Jira Software
-- calls `Epic`, 0 anything else.
CREATE FUNCTION forebay.hierarchy_level(level smallint, subtask boolean, type_name text) RETURNS smallint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN coalesce(level, CASE WHEN subtask THEN -1 WHEN type_name = 'Epic' THEN 1 ELSE 0 END::smallint);
REVOKE ALL ON FUNCTION forebay.hierarchy_level(smallint, boolean, text) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forebay.hierarchy_level(smallint, boolean, text) TO forebay_app;
