DROP TRIGGER note_change ON jira_instances;
CREATE TRIGGER note_change AFTER UPDATE ON jira_instances FOR EACH ROW
    WHEN ((OLD.name, OLD.display_name, OLD.kind, OLD.base_url, OLD.auth_method, OLD.dialect, OLD.account_id, OLD.time_zone,
           OLD.webhook_remote_id, OLD.active)
          IS DISTINCT FROM
          (NEW.name, NEW.display_name, NEW.kind, NEW.base_url, NEW.auth_method, NEW.dialect, NEW.account_id, NEW.time_zone,
           NEW.webhook_remote_id, NEW.active))
    EXECUTE FUNCTION forebay.note_instance();
