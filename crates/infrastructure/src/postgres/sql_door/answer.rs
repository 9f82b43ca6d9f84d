//! From PostgreSQL's text to JSON.

use application::ports::{SqlAnswer, SqlLimits};
use serde_json::{Number, Value};
use sqlx::{
    Row, TypeInfo, ValueRef,
    postgres::{PgRow, PgValueRef},
};

/// Rows, as long as the caps allow.
pub(super) struct Collector {
    answer: SqlAnswer,
    limits: SqlLimits,
    bytes: usize,
}

impl Collector {
    /// For columns of these names and types.
    pub(super) fn new((columns, types): (Vec<String>, Vec<String>), limits: SqlLimits) -> Self {
        Self { answer: SqlAnswer { columns, types, rows: Vec::new(), truncated: false }, limits, bytes: 0 }
    }

    /// Adds rows; answers whether more are wanted.
    pub(super) fn add(&mut self, rows: &[PgRow]) -> Result<bool, sqlx::Error> {
        for row in rows {
            let raw: Vec<PgValueRef<'_>> =
                (0..row.len()).map(|index| row.try_get_raw(index)).collect::<Result<_, _>>()?;
            self.bytes += raw.iter().map(|value| value.as_bytes().map_or(0, <[u8]>::len)).sum::<usize>();
            if self.answer.rows.len() == self.limits.max_rows || self.bytes > self.limits.max_bytes {
                self.answer.truncated = true;
                return Ok(false);
            }
            self.answer.rows.push(raw.iter().map(json).collect::<Result<_, _>>()?);
        }
        Ok(true)
    }

    pub(super) fn has_rows(&self) -> bool {
        !self.answer.rows.is_empty()
    }

    /// How many more rows like those so far the caps allow, and one to see that there are more.
    pub(super) fn rows_that_fit(&self) -> usize {
        let rows = self.answer.rows.len();
        let average = (self.bytes / rows.max(1)).max(1);
        let by_bytes = self.limits.max_bytes.saturating_sub(self.bytes) / average;
        by_bytes.min(self.limits.max_rows.saturating_sub(rows)).saturating_add(1)
    }

    pub(super) fn finish(self) -> SqlAnswer {
        self.answer
    }

    /// What is here of an answer that goes on.
    pub(super) fn cut(mut self) -> SqlAnswer {
        self.answer.truncated = true;
        self.answer
    }
}

fn json(value: &PgValueRef<'_>) -> Result<Value, sqlx::Error> {
    if value.is_null() {
        return Ok(Value::Null);
    }
    let text = value.as_str().map_err(sqlx::Error::Decode)?;
    Ok(from_text(value.type_info().name(), text))
}

/// A value of a type, as PostgreSQL writes it. A `numeric` with more digits than readers of JSON keep stays text, so that none is
/// lost; a type without a JSON form is its text.
fn from_text(type_name: &str, text: &str) -> Value {
    if let Some(element) = type_name.strip_suffix("[]") {
        return array(element, text).unwrap_or_else(|| Value::from(text));
    }
    match type_name {
        "BOOL" => Value::from(text == "t"),
        "INT2" | "INT4" | "INT8" => text.parse::<i64>().map_or_else(|_| Value::from(text), Value::from),
        "NUMERIC" => numeric(text).map_or_else(|| Value::from(text), Value::Number),
        // NaN and the infinities are no JSON numbers.
        "FLOAT4" | "FLOAT8" => {
            text.parse().ok().and_then(Number::from_f64).map_or_else(|| Value::from(text), Value::Number)
        }
        "JSON" | "JSONB" => serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)),
        "TIMESTAMP" => Value::from(text.replacen(' ', "T", 1)),
        "TIMESTAMPTZ" => match text.strip_suffix("+00") {
            Some(time) => Value::from(format!("{}Z", time.replacen(' ', "T", 1))),
            None => Value::from(text),
        },
        _ => Value::from(text),
    }
}

/// A number of at most 15 digits, which every double keeps as they are. Zeros at the end of a fraction say nothing.
fn numeric(text: &str) -> Option<Number> {
    const EXACT: usize = 15;
    let short = match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.'),
        false => text,
    };
    let digits = short.bytes().filter(u8::is_ascii_digit).count();
    match digits {
        1..=EXACT if short.contains('.') => Number::from_f64(short.parse().ok()?),
        1..=EXACT => short.parse::<i64>().ok().map(Number::from),
        _ => None,
    }
}

/// A one-dimensional array: `{a,"b \"c\"",NULL}`. `None` for any other.
fn array(element: &str, text: &str) -> Option<Value> {
    let inner = text.strip_prefix('{')?.strip_suffix('}')?;
    if inner.is_empty() {
        return Some(Value::Array(Vec::new()));
    }
    let mut items = Vec::new();
    let mut rest = inner;
    loop {
        let (item, after) = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (item, after) = unquote(quoted)?;
                (from_text(element, &item), after)
            }
            None if rest.starts_with('{') => return None,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                let item = &rest[..end];
                (if item == "NULL" { Value::Null } else { from_text(element, item) }, &rest[end..])
            }
        };
        items.push(item);
        match after.strip_prefix(',') {
            Some(next) => rest = next,
            None => return after.is_empty().then_some(Value::Array(items)),
        }
    }
}

/// What stands before the closing quote, and what comes after it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut item = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((item, &text[at + 1..])),
            '\\' => item.push(chars.next()?.1),
            other => item.push(other),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_type_has_its_json_form() {
        for (kind, text, expected) in [
            ("BOOL", "t", json!(true)),
            ("INT8", "9007199254740993", json!(9_007_199_254_740_993_i64)),
            ("FLOAT8", "0.5", json!(0.5)),
            ("FLOAT8", "NaN", json!("NaN")),
            ("NUMERIC", "3.5000000000000000", json!(3.5)),
            ("NUMERIC", "1200", json!(1200)),
            ("NUMERIC", "-0.25", json!(-0.25)),
            ("NUMERIC", "3.3333333333333333", json!("3.3333333333333333")),
            ("NUMERIC", "NaN", json!("NaN")),
            ("TEXT", "t", json!("t")),
            ("JSONB", r#"{"a": [1, null]}"#, json!({"a": [1, null]})),
            ("DATE", "2026-02-28", json!("2026-02-28")),
            ("TIMESTAMP", "2026-02-28 10:00:00", json!("2026-02-28T10:00:00")),
            ("TIMESTAMPTZ", "2026-02-28 10:00:00.5+00", json!("2026-02-28T10:00:00.5Z")),
            ("TIMESTAMPTZ", "infinity", json!("infinity")),
        ] {
            assert_eq!(from_text(kind, text), expected, "{kind} {text}");
        }
    }

    #[test]
    fn arrays_are_read_with_their_quotes_and_nulls() {
        for (kind, text, expected) in [
            ("TEXT[]", "{}", json!([])),
            ("TEXT[]", r#"{a,"b, \"c\" \\",NULL,"NULL"}"#, json!(["a", "b, \"c\" \\", null, "NULL"])),
            ("INT4[]", "{1,NULL,-3}", json!([1, null, -3])),
            ("INT4[]", "{{1,2},{3,4}}", json!("{{1,2},{3,4}}")),
        ] {
            assert_eq!(from_text(kind, text), expected, "{kind} {text}");
        }
    }
}
