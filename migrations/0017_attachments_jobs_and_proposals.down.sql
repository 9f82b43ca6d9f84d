DROP TABLE ai_ledger, ai_proposals, job_runs, remote_links, watchers, issue_counts, attachments;
