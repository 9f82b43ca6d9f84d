#![cfg_attr(feature = "libfuzzer", no_main)]

fuzz::target!(jql_parse);
