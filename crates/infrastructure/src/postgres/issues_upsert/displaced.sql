-- OFFSET 0 keeps the instance out of the look-up: it is by the key, which hardly any other issue has.
SELECT i.id
FROM (SELECT x.id, x.instance_id, x.presence FROM issues x
      WHERE x.tenant_id = (SELECT $1::uuid) AND x.key = ANY($3) OFFSET 0) i
WHERE i.instance_id = $2 AND i.presence = 'present' AND i.id <> ALL($4)
