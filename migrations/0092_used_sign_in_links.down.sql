DROP TABLE used_sign_in_links;
