DROP INDEX issues_status_id_updated;
