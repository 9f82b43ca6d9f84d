-- Since when a mirror is to be copied anew, because its site went back in time; NULL once it was.
ALTER TABLE sync_schedules ADD COLUMN anew_at timestamptz;
