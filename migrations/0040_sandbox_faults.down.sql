DROP TABLE sandbox_fault_counts, sandbox_faults;
DROP FUNCTION forebay.note_faults();
