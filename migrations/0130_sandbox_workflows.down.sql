DROP TABLE sandbox_workflows;
