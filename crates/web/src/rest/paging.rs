//! Cursors of lists of reference data: the place where the page before ended.

use application::{
    Caller, Error, Result, Services,
    catalog::{Entry, PageOf, Position},
    lookups,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;
use utoipa::IntoParams;

use super::extract::within;

/// The largest page.
const MOST: i64 = 200;

pub(super) fn usual_limit() -> i64 {
    50
}

/// What to read for a page of `limit` entries of a list: one more than asked for, which tells whether there is another page.
///
/// # Errors
/// [`Error::Invalid`] for a limit out of bounds and for a cursor that is none of this list; [`Error::NotFound`] for the instance.
pub(super) async fn page_of(
    services: &Services,
    caller: &Caller,
    list: &str,
    instance: Option<&str>,
    limit: i64,
    cursor: Option<&str>,
) -> Result<PageOf> {
    let limit = within("limit", limit, 1, MOST)?;
    let after = cursor.map(|cursor| read(list, cursor)).transpose()?;
    Ok(PageOf { instance: lookups::instance_id(services, caller, instance).await?, after, limit: limit + 1 })
}

/// The entries of a page, and the cursor of the next one where there is one.
pub(super) fn cut<T, U>(
    list: &str,
    mut entries: Vec<Entry<T>>,
    page: &PageOf,
    show: impl Fn(T) -> U,
) -> (Vec<U>, Option<String>) {
    let limit = usize::try_from(page.limit - 1).unwrap_or_default();
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|entry| write(list, &entry.position));
    (entries.into_iter().map(|entry| show(entry.row)).collect(), next)
}

/// Which part of what hangs on an issue.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PageOfIssue {
    /// The instance's name or id. Needed only where several instances have an issue of this key.
    pub(super) instance: Option<String>,
    /// At most so many.
    #[serde(default = "usual_limit")]
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub(super) limit: i64,
    /// `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
}

/// What to read of what hangs on an issue, as [`page_of`]. The issue is named by its id.
///
/// # Errors
/// [`Error::Invalid`] for a limit out of bounds and for a cursor that is none of this list.
pub(super) fn page_of_issue(list: &str, limit: i64, cursor: Option<&str>) -> Result<PageOf> {
    let limit = within("limit", limit, 1, MOST)?;
    let after = cursor.map(|cursor| read(list, cursor)).transpose()?;
    Ok(PageOf { instance: None, after, limit: limit + 1 })
}

fn write(list: &str, position: &Position) -> String {
    let Position { instance, sort, id } = position;
    URL_SAFE_NO_PAD.encode(serde_json::json!([list, instance, sort, id]).to_string())
}

/// A position says nothing in another list: its parts are other things there.
fn read(list: &str, cursor: &str) -> Result<Position> {
    let parts = URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<[String; 4]>(&bytes).ok())
        // PostgreSQL knows no such character.
        .filter(|parts| parts[0] == list && !parts.iter().any(|part| part.contains('\0')));
    let [_, instance, sort, id] = parts
        .ok_or_else(|| Error::invalid("cursor", "is no cursor of this list; leave it out to begin anew"))?;
    Ok(Position { instance, sort, id })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str) -> Entry<&str> {
        let position =
            Position { instance: "acme".into(), sort: "Ünïcode, \"quoted\"".into(), id: id.into() };
        Entry { position, row: id }
    }

    #[test]
    fn a_cursor_is_the_last_entry_of_a_page_that_is_not_the_last() {
        let page = PageOf { limit: 3, ..PageOf::default() };
        let (shown, next) = cut("users", vec![entry("1"), entry("2"), entry("3")], &page, str::to_owned);
        assert_eq!(shown, ["1", "2"]);
        let next = next.unwrap();
        assert_eq!(read("users", &next).unwrap(), entry("2").position);
        assert!(read("boards", &next).unwrap_err().to_string().starts_with("cursor:"));
        assert_eq!(cut("users", vec![entry("1"), entry("2")], &page, str::to_owned).1, None);
    }

    #[test]
    fn what_is_no_cursor_is_refused_by_name() {
        for wrong in ["", "x", "!", "W10", &URL_SAFE_NO_PAD.encode(r#"["users","a","b","\u0000"]"#)] {
            assert!(read("users", wrong).unwrap_err().to_string().starts_with("cursor:"), "{wrong}");
        }
    }
}
