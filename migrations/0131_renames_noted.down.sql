DROP TRIGGER note_change ON components;
DROP TRIGGER note_change ON versions;
DROP FUNCTION forebay.note_renames();
