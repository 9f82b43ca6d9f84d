-- Nothing compares payloads, texts and hashes with one another, so nothing is gathered about them: while a site is copied for the
-- first time, statistics are gathered again with every tenth more rows.
ALTER TABLE issues ALTER raw_jsonb SET STATISTICS 0, ALTER description_adf SET STATISTICS 0, ALTER description_text SET STATISTICS 0,
    ALTER changelog_envelope SET STATISTICS 0, ALTER source_hash SET STATISTICS 0;
ALTER TABLE comments ALTER raw_jsonb SET STATISTICS 0, ALTER body_adf SET STATISTICS 0, ALTER body_text SET STATISTICS 0,
    ALTER source_hash SET STATISTICS 0;
ALTER TABLE worklogs ALTER raw_jsonb SET STATISTICS 0, ALTER source_hash SET STATISTICS 0;
ALTER TABLE changelogs ALTER raw_jsonb SET STATISTICS 0, ALTER history_jsonb SET STATISTICS 0;
