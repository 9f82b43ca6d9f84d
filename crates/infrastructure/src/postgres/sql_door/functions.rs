//! Which functions a question may call: those that compute from their arguments alone, and the clock. Nothing that reads
//! settings, files, the catalogue or other sessions, that runs SQL from text, or that makes long texts out of short ones.

/// Sorted, for the binary search.
const SCALAR: &[&str] = &[
    "abs", "age", "array", "array_agg", "array_append", "array_cat", "array_length", "array_position",
    "array_positions", "array_prepend", "array_remove", "array_replace", "array_to_json", "array_to_string", "ascii",
    "avg", "bit_and", "bit_or", "bit_xor", "bool_and", "bool_or", "btrim", "cardinality", "ceil", "ceiling",
    "char_length", "character_length", "chr", "clock_timestamp", "coalesce", "concat", "concat_ws", "corr", "count",
    "covar_pop", "covar_samp", "cume_dist", "current_date", "current_timestamp", "date", "date_bin", "date_part",
    "date_trunc", "dense_rank", "div", "every", "exp", "extract", "first_value", "floor", "format", "greatest",
    "grouping", "initcap", "isfinite", "json_agg", "json_array_length", "json_build_array", "json_build_object",
    "json_extract_path", "json_extract_path_text", "json_object_agg", "json_typeof", "jsonb_agg", "jsonb_array_length",
    "jsonb_build_array", "jsonb_build_object", "jsonb_exists", "jsonb_extract_path", "jsonb_extract_path_text",
    "jsonb_object_agg", "jsonb_path_exists", "jsonb_path_match", "jsonb_path_query_array", "jsonb_path_query_first",
    "jsonb_strip_nulls", "jsonb_typeof", "justify_days", "justify_hours", "justify_interval", "lag", "last_value",
    "lead", "least", "left", "length", "ln", "localtimestamp", "log", "lower", "ltrim", "make_date", "make_interval",
    "make_timestamp", "make_timestamptz", "max", "md5", "min", "mod", "mode", "now", "nth_value", "ntile", "nullif",
    "num_nonnulls", "num_nulls", "octet_length", "percent_rank", "percentile_cont", "percentile_disc",
    "phraseto_tsquery", "plainto_tsquery", "position", "power", "rank", "regexp_count", "regexp_instr", "regexp_like",
    "regexp_match", "regexp_replace", "regexp_split_to_array", "regexp_substr", "regr_avgx", "regr_avgy", "regr_count",
    "regr_intercept", "regr_r2", "regr_slope", "replace", "reverse", "right", "round", "row", "row_number",
    "row_to_json", "rtrim", "sign", "split_part", "sqrt", "starts_with", "statement_timestamp", "stddev", "stddev_pop",
    "stddev_samp", "string_agg", "string_to_array", "strpos", "substr", "substring", "sum", "timezone", "to_char",
    "to_date", "to_json", "to_jsonb", "to_number", "to_timestamp", "to_tsquery", "to_tsvector", "transaction_timestamp",
    "translate", "trim", "trim_array", "trunc", "ts_rank", "ts_rank_cd", "unnest", "upper", "var_pop", "var_samp",
    "variance", "websearch_to_tsquery", "width_bucket",
];

/// Functions that may stand where a table stands, and in a SELECT list too.
const SET_RETURNING: &[&str] = &[
    "generate_series", "generate_subscripts", "json_array_elements", "json_array_elements_text", "json_each",
    "json_each_text", "json_object_keys", "jsonb_array_elements", "jsonb_array_elements_text", "jsonb_each",
    "jsonb_each_text", "jsonb_object_keys", "jsonb_path_query", "regexp_matches", "regexp_split_to_table",
    "string_to_table", "unnest",
];

/// Whether an expression may call it. Names are lower case.
pub(super) fn is_available(name: &str) -> bool {
    SCALAR.binary_search(&name).is_ok() || is_table_function(name)
}

/// Whether it may stand where a table stands.
pub(super) fn is_table_function(name: &str) -> bool {
    SET_RETURNING.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(SCALAR.is_sorted() && SET_RETURNING.is_sorted());
    }
}
