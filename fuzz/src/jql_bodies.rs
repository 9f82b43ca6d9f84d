//! JQL.

/// A text is judged without panic: what is taken prints as what is read as the same tree, and what is refused is refused at a
/// place that the text has.
pub fn jql_parse(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match jql::parse(&text) {
        Ok(query) => {
            let printed = query.to_string();
            let again = jql::parse(&printed);
            assert_eq!(again.as_ref(), Ok(&query), "{printed}");
            assert_eq!(again.map(|query| query.to_string()), Ok(printed));
        }
        Err(error) => {
            assert!(error.to_string().starts_with(&error.message), "{error}");
            if let Some(position) = error.position {
                let line = text.split('\n').nth(position.line - 1);
                let length = line.map(|line| line.encode_utf16().count());
                assert!(length.is_some_and(|length| position.column <= length + 1), "{error}");
            }
        }
    }
}
