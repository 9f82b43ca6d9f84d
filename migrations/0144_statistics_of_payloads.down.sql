ALTER TABLE issues ALTER raw_jsonb SET STATISTICS -1, ALTER description_adf SET STATISTICS -1, ALTER description_text SET STATISTICS -1,
    ALTER changelog_envelope SET STATISTICS -1, ALTER source_hash SET STATISTICS -1;
ALTER TABLE comments ALTER raw_jsonb SET STATISTICS -1, ALTER body_adf SET STATISTICS -1, ALTER body_text SET STATISTICS -1,
    ALTER source_hash SET STATISTICS -1;
ALTER TABLE worklogs ALTER raw_jsonb SET STATISTICS -1, ALTER source_hash SET STATISTICS -1;
ALTER TABLE changelogs ALTER raw_jsonb SET STATISTICS -1, ALTER history_jsonb SET STATISTICS -1;
