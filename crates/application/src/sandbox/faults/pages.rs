//! What is wrong with a page: changes to an answer as it leaves. Each tells whether there was something to change.

use serde_json::{Value, json};

use super::draw::Draw;

/// Begins a token that leads to where the rest of it leads. Searches pass over it.
const AGAIN: &str = "again.";

/// The token behind any number of marks of ours; empty for the first page.
pub fn plain_token(token: &str) -> &str {
    let mut plain = token;
    while let Some(rest) = plain.strip_prefix(AGAIN) {
        plain = rest;
    }
    plain
}

fn again(token: Option<&str>) -> Value {
    json!(format!("{AGAIN}{}", plain_token(token.unwrap_or_default())))
}

/// Takes the token away, and lets the page say that it is not the last. A list that never says so has no such page: without a token
/// it is at its end.
pub fn missing_token(page: &mut Value) -> bool {
    page["isLast"].is_boolean()
        && page.as_object_mut().is_some_and(|page| page.remove("nextPageToken").is_some())
}

/// Lets a page with a token say that it is the last.
pub fn last_with_token(page: &mut Value) -> bool {
    if !page["nextPageToken"].is_string() || !page["isLast"].is_boolean() {
        return false;
    }
    page["isLast"] = json!(true);
    true
}

/// A null instead of no token.
pub fn null_token(page: &mut Value) -> bool {
    if page["isLast"] != true || page.get("nextPageToken").is_some() {
        return false;
    }
    page["nextPageToken"] = Value::Null;
    true
}

/// Empties a page of token paging; its token leads to what was taken away. `asked` is the token it was asked for with.
pub fn empty_page(page: &mut Value, asked: Option<&str>) -> bool {
    let has_rows = page["issues"].as_array().is_some_and(|issues| !issues.is_empty());
    if !has_rows || !page["isLast"].is_boolean() {
        return false;
    }
    page["issues"] = json!([]);
    page["isLast"] = json!(false);
    page["nextPageToken"] = again(asked);
    true
}

/// Lets a page lead to itself.
pub fn repeated_page(page: &mut Value, asked: Option<&str>) -> bool {
    if !page["isLast"].is_boolean() || !page["issues"].is_array() {
        return false;
    }
    page["isLast"] = json!(false);
    page["nextPageToken"] = again(asked);
    true
}

/// The list of a page, whatever it is called.
fn rows(page: &mut Value) -> Option<&mut Vec<Value>> {
    if page.is_array() {
        return page.as_array_mut();
    }
    let name = ["issues", "values", "comments", "worklogs", "issueChangeLogs"]
        .into_iter()
        .find(|name| page.get(*name).is_some_and(Value::is_array))?;
    page[name].as_array_mut()
}

/// Lists one of the entries twice.
pub fn duplicate_row(page: &mut Value, draw: Draw) -> bool {
    let Some(rows) = rows(page).filter(|rows| !rows.is_empty()) else { return false };
    let row = rows[draw.pick(rows.len())].clone();
    rows.push(row);
    true
}

/// Where a page of offset paging begins when the list has moved by up to so many entries.
pub fn shifted_start(start: u64, by: u32, draw: Draw) -> u64 {
    let by = u64::from(by.max(1));
    let step = draw.between(1, by);
    if draw.pick(2) == 0 { start + step } else { start.saturating_sub(step) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Value {
        json!({ "issues": [{ "id": "1" }, { "id": "2" }], "isLast": false, "nextPageToken": "t2" })
    }

    fn last() -> Value {
        json!({ "issues": [{ "id": "3" }], "isLast": true })
    }

    #[test]
    fn a_page_loses_its_token_or_lies_about_it() {
        let mut missing = page();
        assert!(missing_token(&mut missing));
        assert_eq!(missing, json!({ "issues": [{ "id": "1" }, { "id": "2" }], "isLast": false }));
        assert!(!missing_token(&mut last()));
        let mut silent = json!({ "issueChangeLogs": [], "nextPageToken": "t2" });
        assert!(!missing_token(&mut silent), "nobody could tell such a page from the last one");
        let mut lying = page();
        assert!(last_with_token(&mut lying));
        assert_eq!((&lying["isLast"], &lying["nextPageToken"]), (&json!(true), &json!("t2")));
        assert!(!last_with_token(&mut last()));
        let mut null = last();
        assert!(null_token(&mut null));
        assert!(null.as_object().unwrap()["nextPageToken"].is_null());
        assert!(!null_token(&mut page()));
    }

    #[test]
    fn what_an_empty_page_left_out_comes_behind_its_token() {
        let mut first = page();
        assert!(empty_page(&mut first, None));
        assert_eq!(first, json!({ "issues": [], "isLast": false, "nextPageToken": "again." }));
        assert_eq!(plain_token("again."), "");
        let mut second = last();
        assert!(empty_page(&mut second, Some("again.t2")));
        assert_eq!(second["nextPageToken"], "again.t2", "the request is the same again, so that it can end");
        assert_eq!(plain_token("again.t2"), "t2");
        assert!(!empty_page(&mut json!({ "issues": [], "isLast": true }), None));
        assert!(
            !empty_page(&mut json!({ "startAt": 0, "issues": [{}] }), None),
            "offset paging has no tokens"
        );
        let mut repeated = last();
        assert!(repeated_page(&mut repeated, Some("t2")));
        assert_eq!(
            repeated,
            json!({ "issues": [{ "id": "3" }], "isLast": false, "nextPageToken": "again.t2" })
        );
    }

    #[test]
    fn a_row_comes_twice_in_any_list() {
        let draw = Draw::of(1, &[b"x"]);
        for mut list in
            [page(), json!([1, 2]), json!({ "values": [1] }), json!({ "comments": [1], "total": 1 })]
        {
            let before = rows(&mut list).unwrap().len();
            assert!(duplicate_row(&mut list, draw));
            assert_eq!(rows(&mut list).unwrap().len(), before + 1);
        }
        assert!(!duplicate_row(&mut json!({ "issues": [] }), draw));
        assert!(!duplicate_row(&mut json!({ "id": "1" }), draw));
    }

    #[test]
    fn a_shifted_page_begins_near_by() {
        for n in 0..100u8 {
            let start = shifted_start(50, 3, Draw::of(1, &[&[n]]));
            assert!((47..=53).contains(&start) && start != 50, "{start}");
        }
        assert!((0..50u8).all(|n| shifted_start(0, 3, Draw::of(1, &[&[n]])) <= 3));
    }
}
