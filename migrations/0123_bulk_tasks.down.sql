DROP TABLE bulk_tasks;
