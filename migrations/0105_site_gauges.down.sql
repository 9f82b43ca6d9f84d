DROP FUNCTION forebay.site_gauges();
ALTER TABLE site_usage DROP COLUMN throttled_ms;
