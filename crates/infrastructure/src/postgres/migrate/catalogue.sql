-- Everything in the database that migrations make or change, one line each, in words that do not depend on object ids. For tests: what
-- a migration's way back leaves must equal what was there before it.
WITH spaces AS (
    SELECT oid, nspname, nspowner, nspacl FROM pg_namespace
    WHERE nspname !~ '^pg_' AND nspname NOT IN ('information_schema', 'graphile_worker')
), relations AS (
    SELECT c.*, format('%I.%I', n.nspname, c.relname) AS name
    FROM pg_class c JOIN spaces n ON n.oid = c.relnamespace
    WHERE c.relname NOT LIKE '\_sqlx%'
), rights (object, acl) AS (
    SELECT 'schema ' || nspname, coalesce(nspacl, acldefault('n', nspowner)) FROM spaces
    UNION ALL SELECT 'relation ' || name, coalesce(relacl, acldefault('r', relowner)) FROM relations WHERE relkind IN ('r', 'p', 'v', 'm', 'f')
    UNION ALL SELECT 'sequence ' || name, coalesce(relacl, acldefault('S', relowner)) FROM relations WHERE relkind = 'S'
    UNION ALL SELECT format('column %s.%I', r.name, a.attname), a.attacl
        FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid WHERE a.attacl IS NOT NULL AND NOT a.attisdropped
    UNION ALL SELECT 'function ' || p.oid::regprocedure, coalesce(p.proacl, acldefault('f', p.proowner))
        FROM pg_proc p JOIN spaces n ON n.oid = p.pronamespace
    UNION ALL SELECT 'type ' || t.oid::regtype, coalesce(t.typacl, acldefault('T', t.typowner))
        FROM pg_type t JOIN spaces n ON n.oid = t.typnamespace WHERE t.typname NOT LIKE '%\_sqlx%'
    UNION ALL SELECT format('defaults of %s in %s for %s', d.defaclrole::regrole, d.defaclnamespace::regnamespace, d.defaclobjtype), d.defaclacl
        FROM pg_default_acl d
)
SELECT format('schema %s of %s', nspname, nspowner::regrole) FROM spaces
UNION ALL
SELECT format('relation %s %s of %s, persistence %s, rls %s %s, options %s, replica identity %s', relkind, name, relowner::regrole,
        relpersistence, relrowsecurity, relforcerowsecurity, reloptions, relreplident)
FROM relations WHERE relkind <> 't'
UNION ALL
SELECT format('column %s.%I %s, collation %s, not null %s, default %s, generated %s, identity %s, statistics %s, storage %s, compression %s',
        r.name, a.attname, format_type(a.atttypid, a.atttypmod), a.attcollation::regcollation, a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid), a.attgenerated, a.attidentity, a.attstattarget, a.attstorage, a.attcompression)
FROM relations r JOIN pg_attribute a ON a.attrelid = r.oid LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE r.relkind IN ('r', 'p', 'v', 'm', 'f') AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT format('index %s, valid %s, ready %s', pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready)
FROM relations r JOIN pg_index i ON i.indrelid = r.oid
UNION ALL
SELECT format('constraint %s on %s: %s, validated %s', c.conname, r.name, pg_get_constraintdef(c.oid), c.convalidated)
FROM relations r JOIN pg_constraint c ON c.conrelid = r.oid
UNION ALL
SELECT format('policy %s on %s: permissive %s, for %s to %s using %s check %s', p.polname, r.name, p.polpermissive, p.polcmd,
        (SELECT string_agg(CASE o WHEN 0 THEN 'PUBLIC' ELSE o::regrole::text END, ', ' ORDER BY o) FROM unnest(p.polroles) o),
        pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid))
FROM relations r JOIN pg_policy p ON p.polrelid = r.oid
UNION ALL
SELECT format('view %s: %s', r.name, pg_get_viewdef(r.oid)) FROM relations r WHERE r.relkind IN ('v', 'm')
UNION ALL
SELECT format('trigger %s on %s: %s', t.tgname, r.name, pg_get_triggerdef(t.oid))
FROM relations r JOIN pg_trigger t ON t.tgrelid = r.oid WHERE NOT t.tgisinternal
UNION ALL
SELECT format('statistics %s', pg_get_statisticsobjdef(s.oid)) FROM pg_statistic_ext s JOIN spaces n ON n.oid = s.stxnamespace
UNION ALL
SELECT format('function %s of %s: %s', p.oid::regprocedure, p.proowner::regrole, pg_get_functiondef(p.oid))
FROM pg_proc p JOIN spaces n ON n.oid = p.pronamespace WHERE p.prokind <> 'a'
UNION ALL
SELECT format('aggregate %s of %s', p.oid::regprocedure, p.proowner::regrole)
FROM pg_proc p JOIN spaces n ON n.oid = p.pronamespace WHERE p.prokind = 'a'
UNION ALL
SELECT format('type %s %s of %s, labels %s', t.typtype, t.oid::regtype, t.typowner::regrole,
        (SELECT string_agg(e.enumlabel, ', ' ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = t.oid))
FROM pg_type t JOIN spaces n ON n.oid = t.typnamespace WHERE t.typname NOT LIKE '%\_sqlx%'
UNION ALL
SELECT format('extension %s', extname) FROM pg_extension
UNION ALL
SELECT format('comment on %s: %s', pg_describe_object(d.classoid, d.objoid, d.objsubid), d.description)
FROM pg_description d JOIN relations r ON d.classoid = 'pg_class'::regclass AND d.objoid = r.oid
UNION ALL
SELECT format('right: %s %s to %s%s', r.object, a.privilege_type,
        CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END, CASE WHEN a.is_grantable THEN ' with grant option' ELSE '' END)
FROM rights r CROSS JOIN LATERAL aclexplode(r.acl) a
ORDER BY 1
