DROP INDEX issues_slim;
