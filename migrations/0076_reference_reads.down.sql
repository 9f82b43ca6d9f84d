DROP TABLE reference_reads;
