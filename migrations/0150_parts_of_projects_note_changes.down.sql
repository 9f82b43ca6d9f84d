DROP TRIGGER note_addition ON components;
DROP TRIGGER note_change ON components;
DROP TRIGGER note_addition ON versions;
DROP TRIGGER note_change ON versions;
