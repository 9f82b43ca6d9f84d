DROP FUNCTION forebay.time_of(text);
