-- Without it the last master key of the list keys the hashes, as before: it must be the one that did when the table was made.
DROP TABLE forebay.hash_root;
