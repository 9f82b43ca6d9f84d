DROP FUNCTION forebay.end_question(integer);
