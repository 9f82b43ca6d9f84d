//! Cursors of lists of reference data: the place where the page before ended.

use application::{
    Error, Result,
    catalog::{Entry, PageOf, Position},
    ports::TenantTx,
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};

use super::{extract::within, issues::instance_id};

/// The largest page.
const MOST: i64 = 200;

pub(super) fn usual_limit() -> i64 {
    50
}

/// What to read for a page of `limit` entries: one more than asked for, which tells whether there is another page.
///
/// # Errors
/// [`Error::Invalid`] for a limit out of bounds and for a cursor that is none of ours; [`Error::NotFound`] for the instance.
pub(super) async fn page_of(
    tx: &mut dyn TenantTx,
    instance: Option<&str>,
    limit: i64,
    cursor: Option<&str>,
) -> Result<PageOf> {
    let limit = within("limit", limit, 1, MOST)?;
    let after = cursor.map(read).transpose()?;
    Ok(PageOf { instance: instance_id(tx, instance).await?, after, limit: limit + 1 })
}

/// The entries of a page, and the cursor of the next one where there is one.
pub(super) fn cut<T, U>(
    mut entries: Vec<Entry<T>>,
    page: &PageOf,
    show: impl Fn(T) -> U,
) -> (Vec<U>, Option<String>) {
    let limit = usize::try_from(page.limit - 1).unwrap_or_default();
    let more = entries.len() > limit;
    entries.truncate(limit);
    let next = entries.last().filter(|_| more).map(|entry| write(&entry.position));
    (entries.into_iter().map(|entry| show(entry.row)).collect(), next)
}

fn write(position: &Position) -> String {
    let Position { instance, sort, id } = position;
    URL_SAFE_NO_PAD.encode(serde_json::json!([instance, sort, id]).to_string())
}

fn read(cursor: &str) -> Result<Position> {
    let parts = URL_SAFE_NO_PAD
        .decode(cursor)
        .ok()
        .and_then(|bytes| serde_json::from_slice::<[String; 3]>(&bytes).ok())
        // PostgreSQL knows no such character.
        .filter(|parts| !parts.iter().any(|part| part.contains('\0')));
    let [instance, sort, id] = parts
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
        let (shown, next) = cut(vec![entry("1"), entry("2"), entry("3")], &page, str::to_owned);
        assert_eq!(shown, ["1", "2"]);
        assert_eq!(read(&next.unwrap()).unwrap(), entry("2").position);
        assert_eq!(cut(vec![entry("1"), entry("2")], &page, str::to_owned).1, None);
    }

    #[test]
    fn what_is_no_cursor_is_refused_by_name() {
        for wrong in ["", "x", "!", "W10", &URL_SAFE_NO_PAD.encode("[\"a\",\"b\",\"\\u0000\"]")] {
            assert!(read(wrong).unwrap_err().to_string().starts_with("cursor:"), "{wrong}");
        }
    }
}
