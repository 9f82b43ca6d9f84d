DROP TABLE attachment_contents, issue_properties, votes;
