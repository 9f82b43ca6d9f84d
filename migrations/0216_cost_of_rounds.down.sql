ALTER TABLE reference_reads DROP COLUMN worked_ms;
