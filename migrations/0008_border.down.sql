DROP FUNCTION forebay.row_fits(integer, integer);
