#![cfg_attr(feature = "libfuzzer", no_main)]

fuzz::target!(adf_document);
