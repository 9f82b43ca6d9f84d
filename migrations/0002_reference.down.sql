DROP TABLE sprints, custom_fields, resolutions, priorities, issue_types, statuses, users, projects;
