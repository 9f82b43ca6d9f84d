DROP TABLE census_candidates, census_projects, censuses, census_settings;
