//! Pages of this API: `start` and `limit`, no total, and links to the pages before and behind (jira-facts 9.2).

use serde_json::{Value, json};

use super::address;
use crate::jira_api::{params::Params, refusal::Refusal, site::Site};

/// Entries on a page, unless asked for otherwise, and at most.
const PAGE: usize = 50;
const LARGEST_PAGE: usize = 100;

/// The part of a list that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) start: usize,
    pub(super) limit: usize,
}

impl Window {
    /// # Errors
    /// 400 for what is no number.
    pub(super) fn of(params: &Params) -> Result<Self, Refusal> {
        let start = params.integer("start")?.map_or(0, |start| usize::try_from(start).unwrap_or(0));
        let limit = params.integer("limit")?.map_or(PAGE, |limit| usize::try_from(limit).unwrap_or(PAGE));
        Ok(Self { start, limit: limit.clamp(1, LARGEST_PAGE) })
    }

    /// One entry more than the page holds is asked for, to know whether there is a next page.
    pub(super) fn with_one_more(self) -> i64 {
        i64::try_from(self.limit + 1).unwrap_or(i64::MAX)
    }

    pub(super) fn offset(self) -> i64 {
        i64::try_from(self.start).unwrap_or(i64::MAX)
    }

    /// The page of these entries, which are cut already; `path` is the resource's, for the links.
    pub(super) fn page(
        self,
        site: &Site,
        params: &Params,
        (path, expands): (&str, &[&str]),
        values: Vec<Value>,
        is_last: bool,
    ) -> Value {
        let url = |start: usize| {
            let query = params.with(&[("start", start.to_string()), ("limit", self.limit.to_string())]);
            address(site, &format!("{path}?{query}"))
        };
        let mut links = json!({
            "self": url(self.start),
            "base": format!("{}/rest/servicedeskapi", site.base_url()),
            "context": "",
        });
        if !is_last {
            links["next"] = Value::String(url(self.start + self.limit));
        }
        if self.start > 0 {
            links["prev"] = Value::String(url(self.start.saturating_sub(self.limit)));
        }
        json!({
            "_expands": expands, "size": values.len(), "start": self.start, "limit": self.limit,
            "isLastPage": is_last, "_links": links, "values": values,
        })
    }
}

/// The page of a whole list.
pub(super) fn of_list(
    site: &Site,
    params: &Params,
    path: &str,
    expands: &[&str],
    list: Vec<Value>,
) -> Result<Value, Refusal> {
    let window = Window::of(params)?;
    let is_last = window.start + window.limit >= list.len();
    let values = list.into_iter().skip(window.start).take(window.limit).collect();
    Ok(window.page(site, params, (path, expands), values, is_last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_moved_into_it() {
        let window = |query| Window::of(&Params::parse(query)).unwrap();
        assert_eq!(window(""), Window { start: 0, limit: 50 });
        assert_eq!(window("start=-3&limit=5000"), Window { start: 0, limit: 100 });
        assert_eq!(window("start=7&limit=0"), Window { start: 7, limit: 1 });
        assert!(Window::of(&Params::parse("limit=many")).is_err());
    }
}
