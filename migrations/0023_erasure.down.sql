DROP FUNCTION forebay.remove_lanes(uuid);
DROP FUNCTION forebay.remove_jobs(uuid, text[], integer);
DROP FUNCTION forebay.remove_audit_entries(uuid, integer);
DROP FUNCTION forebay.rewrite_audit_entry(uuid, uuid, text, text, jsonb);
REVOKE UPDATE (actor, target, payload), DELETE ON audit_log FROM forebay_definer;
DROP TABLE erased_users;
