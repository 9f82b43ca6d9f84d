//! Paging by `startAt` (jira-facts 10.4): what is out of range is moved into it without a word, as Jira does.

use serde_json::{Value, json};

use super::{params::Params, refusal::Refusal, site::Site};

/// The part of a list that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// `startAt`.
    pub(super) start: usize,
    /// `maxResults`, as it is kept.
    pub(super) size: usize,
}

impl Window {
    /// # Errors
    /// 400 for what is no number.
    pub(super) fn of(params: &Params, default: usize, cap: usize) -> Result<Self, Refusal> {
        Ok(Self::new(params.integer("startAt")?, params.integer("maxResults")?, default, cap))
    }

    pub(super) fn new(start: Option<i64>, size: Option<i64>, default: usize, cap: usize) -> Self {
        Self {
            start: start.map_or(0, |start| usize::try_from(start).unwrap_or(0)),
            size: size.map_or(default, |size| usize::try_from(size).unwrap_or(cap)).min(cap),
        }
    }

    pub(super) fn cut<T>(self, list: Vec<T>) -> Vec<T> {
        list.into_iter().skip(self.start).take(self.size).collect()
    }

    /// The page of a whole list, as a PageBean; `path` is the resource's, for the links.
    pub(super) fn bean(self, site: &Site, params: &Params, path: &str, list: Vec<Value>) -> Value {
        let total = list.len();
        self.bean_of(site, params, path, (self.cut(list), total))
    }

    /// The page as a PageBean: what is on it, and how much there is altogether.
    pub(super) fn bean_of(
        self,
        site: &Site,
        params: &Params,
        path: &str,
        (values, total): (Vec<Value>, usize),
    ) -> Value {
        let reached = self.start + values.len();
        let url = |start: usize| {
            let query = params.with(&[("startAt", start.to_string()), ("maxResults", self.size.to_string())]);
            site.api_url(&format!("{path}?{query}"))
        };
        // An empty page ends the walk, even where it was asked for beyond the end or with no size.
        let is_last = values.is_empty() || reached >= total;
        let mut bean = json!({
            "self": url(self.start),
            "maxResults": self.size,
            "startAt": self.start,
            "total": total,
            "isLast": is_last,
        });
        if !is_last {
            bean["nextPage"] = Value::String(url(reached));
        }
        bean["values"] = Value::Array(values);
        bean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_moved_into_it() {
        assert_eq!(Window::new(None, None, 50, 100), Window { start: 0, size: 50 });
        assert_eq!(Window::new(Some(-3), Some(5_000), 50, 100), Window { start: 0, size: 100 });
        assert_eq!(Window::new(Some(7), Some(-1), 50, 100), Window { start: 7, size: 100 });
        assert_eq!(Window::new(Some(7), Some(0), 50, 100), Window { start: 7, size: 0 });
    }

    #[test]
    fn a_window_beyond_the_end_is_empty() {
        let list = vec![1, 2, 3];
        assert_eq!(Window { start: 1, size: 1 }.cut(list.clone()), [2]);
        assert!(Window { start: 9, size: 5 }.cut(list).is_empty());
    }
}
