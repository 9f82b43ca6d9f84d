ALTER TABLE sync_schedules DROP COLUMN anew_at;
