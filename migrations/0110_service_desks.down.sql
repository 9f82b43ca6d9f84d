DROP TABLE temporary_files;
DROP TABLE organizations;
DROP TABLE service_desks;
