-- Watermarks that were mended stay so: every version reads them.
SELECT 1;
