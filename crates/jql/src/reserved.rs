//! The words that stand for themselves in a query only within quotation marks.

/// All reserved words, in lower case and sorted: the keywords of the language, and the many words kept for a
/// future that never came (jira-facts section 8.1).
#[rustfmt::skip]
pub const RESERVED_WORDS: &[&str] = &[
    "abort", "access", "add", "after", "alias", "alter", "and", "any", "as", "asc", "audit", "avg",
    "before", "begin", "between", "boolean", "break", "by", "byte", "catch", "cf", "changed", "char",
    "character", "check", "checkpoint", "collate", "collation", "column", "commit", "connect", "continue",
    "count", "create", "current", "date", "decimal", "declare", "decrement", "default", "defaults",
    "define", "delete", "delimiter", "desc", "difference", "distinct", "divide", "do", "double", "drop",
    "during", "else", "empty", "encoding", "end", "equals", "escape", "exclusive", "exec", "execute",
    "exists", "explain", "false", "fetch", "field", "file", "first", "float", "for", "from", "function",
    "go", "goto", "grant", "greater", "group", "having", "identified", "if", "immediate", "in", "increment",
    "index", "initial", "inner", "inout", "input", "insert", "int", "integer", "intersect", "intersection",
    "into", "is", "isempty", "isnull", "join", "last", "left", "less", "like", "limit", "lock", "long",
    "max", "min", "minus", "mode", "modify", "modulo", "more", "multiply", "next", "noaudit", "not",
    "notin", "nowait", "null", "number", "object", "of", "on", "option", "or", "order", "outer", "output",
    "power", "previous", "prior", "privileges", "public", "raise", "raw", "remainder", "rename", "resource",
    "return", "returns", "revoke", "right", "row", "rowid", "rownum", "rows", "select", "session", "set",
    "share", "size", "sqrt", "start", "strict", "string", "subtract", "sum", "synonym", "table", "then",
    "to", "trans", "transaction", "trigger", "true", "uid", "union", "unique", "update", "user", "validate",
    "values", "view", "was", "when", "whenever", "where", "while", "with",
];

/// Whether a word, in whatever letters, has to be quoted to be used as a name or a value.
#[must_use]
pub fn is_reserved(word: &str) -> bool {
    RESERVED_WORDS.binary_search(&word.to_ascii_lowercase().as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_sorted_without_repeats_and_in_lower_case() {
        assert!(RESERVED_WORDS.is_sorted_by(|left, right| left < right));
        assert!(RESERVED_WORDS.iter().all(|word| word.bytes().all(|byte| byte.is_ascii_lowercase())));
    }

    #[test]
    fn keywords_and_kept_words_are_reserved_in_any_letters() {
        for word in ["and", "ORDER", "Empty", "null", "cf", "during", "limit", "Connect"] {
            assert!(is_reserved(word), "{word}");
        }
    }

    #[test]
    fn words_the_documentation_lists_but_the_language_allows_are_not_reserved() {
        for word in ["a", "all", "no", "the", "will", "status", "", "andy"] {
            assert!(!is_reserved(word), "{word}");
        }
    }
}
