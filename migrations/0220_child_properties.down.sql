DROP TABLE child_properties;
