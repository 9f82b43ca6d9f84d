//! Where a page ended, as an opaque text: the sort values of its last issue, and which query they belong to.
//!
//! The next page asks for what comes behind these values, not for a number of issues, so that issues that come, go or
//! change in the meantime make nothing appear twice or not at all.

use application::{Error, Result, search::SearchRequest};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

use super::{
    order::{Key, Kind},
    sql::{Bind, Sql},
};

/// How much of the hash of a query is kept: enough to notice a mix-up.
const HASH_LENGTH: usize = 12;

#[derive(Debug, Serialize, Deserialize)]
struct Written {
    /// The query's hash.
    q: String,
    /// The sort values, in the order of the keys.
    v: Vec<Value>,
}

/// The hash of a query as normalised, with its instance.
fn hash(request: &SearchRequest) -> String {
    let mut hasher = Sha256::new();
    hasher.update(request.query.to_string().as_bytes());
    if let Some(instance) = request.instance {
        hasher.update([0]);
        hasher.update(instance.0.as_bytes());
    }
    URL_SAFE_NO_PAD.encode(&hasher.finalize()[..HASH_LENGTH])
}

/// The cursor behind a row. The sort values are its columns from the second on.
///
/// # Errors
/// When the row has other columns.
pub(super) fn behind(request: &SearchRequest, keys: &[Key], row: &PgRow) -> Result<String> {
    let values = keys.iter().zip(1..).map(|(key, column)| read(key.kind, row, column));
    let values = values.collect::<Result<_, sqlx::Error>>().map_err(Error::internal)?;
    let written = serde_json::to_vec(&Written { q: hash(request), v: values }).map_err(Error::internal)?;
    Ok(URL_SAFE_NO_PAD.encode(written))
}

fn read(kind: Kind, row: &PgRow, column: usize) -> Result<Value, sqlx::Error> {
    Ok(match kind {
        Kind::Text | Kind::Number => row.try_get::<Option<String>, _>(column)?.into(),
        Kind::Int => row.try_get::<Option<i64>, _>(column)?.into(),
        Kind::Time => {
            row.try_get::<Option<DateTime<Utc>>, _>(column)?.map(|time| time.timestamp_micros()).into()
        }
        Kind::Day => row.try_get::<Option<NaiveDate>, _>(column)?.map(|day| day.to_string()).into(),
        Kind::Uuid => row.try_get::<Option<Uuid>, _>(column)?.map(|id| id.to_string()).into(),
    })
}

fn invalid() -> Error {
    Error::invalid("cursor", "is no cursor of a search; take it from the page before")
}

fn written(cursor: &str) -> Result<Written> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| invalid())?;
    serde_json::from_slice(&bytes).map_err(|_| invalid())
}

/// See [`application::search::SearchStore::check_cursor`].
pub(in crate::postgres) fn check(cursor: &str) -> Result<()> {
    written(cursor).map(drop)
}

/// The condition that an issue comes behind the cursor.
///
/// # Errors
/// [`Error::Invalid`] (field `cursor`) for a text that is none, and for the cursor of another query.
pub(super) fn after(request: &SearchRequest, keys: &[Key], cursor: &str) -> Result<Sql> {
    let written = written(cursor)?;
    if written.q != hash(request) || written.v.len() != keys.len() {
        return Err(Error::invalid("cursor", "belongs to another query; begin that one without a cursor"));
    }
    let values =
        keys.iter().zip(&written.v).map(|(key, value)| parsed(*key, value)).collect::<Option<Vec<_>>>();
    let values = values.ok_or_else(invalid)?;
    Ok(behind_all(keys, &values))
}

/// A sort value; the outer `None` is for one that is not of the key's kind.
fn parsed(key: Key, value: &Value) -> Option<Option<Bind>> {
    if value.is_null() {
        return key.nullable.then_some(None);
    }
    let bind = match key.kind {
        Kind::Text => value.as_str()?.into(),
        Kind::Number => {
            let digits = value.as_str().filter(|text| text.parse::<f64>().is_ok_and(f64::is_finite))?;
            digits.into()
        }
        Kind::Int => value.as_i64()?.into(),
        Kind::Time => DateTime::from_timestamp_micros(value.as_i64()?)?.into(),
        Kind::Day => value.as_str()?.parse::<NaiveDate>().ok()?.into(),
        Kind::Uuid => value.as_str()?.parse::<Uuid>().ok()?.into(),
    };
    Some(Some(bind))
}

/// `a > x OR (a = x AND (b > y OR ...))`, in the direction of each key.
fn behind_all(keys: &[Key], values: &[Option<Bind>]) -> Sql {
    let (Some((key, keys)), Some((value, values))) = (keys.split_first(), values.split_first()) else {
        return Sql::never();
    };
    let ties = behind_all(keys, values);
    let Some(value) = value else {
        // Empty ones come first when ascending and last when descending.
        let behind = if key.descending { Sql::never() } else { Sql::is_null(key.expression, true) };
        let tied = Sql::all(vec![Sql::is_null(key.expression, false), ties]);
        return Sql::any(vec![behind, tied]);
    };
    let compared = |operator: &'static str| {
        let sql = Sql::new(key.expression).push(operator).bind(value.clone());
        if key.kind == Kind::Number { sql.push("::numeric") } else { sql }
    };
    let mut behind = vec![compared(if key.descending { " < " } else { " > " })];
    let is_null = key.nullable && key.descending;
    if is_null {
        behind.push(Sql::is_null(key.expression, false));
    }
    behind.push(Sql::all(vec![compared(" = "), ties]));
    let behind = Sql::any(behind);
    if is_null {
        return behind;
    }
    // Says nothing new, but is what an index can begin at.
    Sql::all(vec![compared(if key.descending { " <= " } else { " >= " }), behind])
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREATED: Key =
        Key { expression: "i.created_at", kind: Kind::Time, nullable: false, descending: true };
    const DUE: Key = Key { expression: "i.due_date", kind: Kind::Day, nullable: true, descending: false };
    const ID: Key = Key { expression: "i.jira_number", kind: Kind::Int, nullable: false, descending: false };

    fn condition(keys: &[Key], values: &[Option<Bind>]) -> String {
        behind_all(keys, values).text()
    }

    #[test]
    fn what_is_behind_is_compared_key_by_key() {
        assert_eq!(
            condition(&[ID], &[Some(7.into())]),
            "(i.jira_number >= $1 AND (i.jira_number > $2 OR (i.jira_number = $3 AND FALSE)))"
        );
        let time: DateTime<Utc> = DateTime::UNIX_EPOCH;
        assert_eq!(
            condition(&[CREATED, ID], &[Some(time.into()), Some(7.into())]),
            "(i.created_at <= $1 AND (i.created_at < $2 OR (i.created_at = $3 AND (i.jira_number >= $4 AND \
             (i.jira_number > $5 OR (i.jira_number = $6 AND FALSE))))))"
        );
    }

    #[test]
    fn empty_values_come_first_when_ascending_and_last_when_descending() {
        let day = NaiveDate::from_ymd_opt(2025, 5, 14).map(Bind::from);
        let descending = Key { descending: true, ..DUE };
        assert_eq!(condition(&[DUE], &[None]), "(i.due_date IS NOT NULL OR (i.due_date IS NULL AND FALSE))");
        assert_eq!(condition(&[descending], &[None]), "(FALSE OR (i.due_date IS NULL AND FALSE))");
        assert_eq!(
            condition(&[descending], &[day]),
            "(i.due_date < $1 OR i.due_date IS NULL OR (i.due_date = $2 AND FALSE))"
        );
    }

    #[test]
    fn only_values_of_the_keys_kind_are_taken() {
        assert_eq!(parsed(ID, &Value::Null), None);
        assert_eq!(parsed(DUE, &Value::Null), Some(None));
        assert_eq!(parsed(ID, &"1; DROP TABLE issues".into()), None);
        assert_eq!(
            parsed(DUE, &"2025-05-14".into()),
            Some(NaiveDate::from_ymd_opt(2025, 5, 14).map(Bind::from))
        );
        let number = Key { kind: Kind::Number, ..DUE };
        assert_eq!(parsed(number, &"NaN".into()), None);
        assert_eq!(parsed(number, &"8.50".into()), Some(Some("8.50".into())));
    }
}
