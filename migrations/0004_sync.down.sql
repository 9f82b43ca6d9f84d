DROP TABLE webhooks, webhook_inbox, sync_rejects, sync_runs, sync_watermarks;
