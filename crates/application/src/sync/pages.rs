//! Walking a query page by page, so that a stored position is enough to go on.
//!
//! Cloud pages by tokens, which expire. Data Center pages by offset, which skips rows when others leave the result (jira-facts
//! 1.3, 2.2) and ends at 10,000; there each page is the first one of a query that begins where the last one ended, and
//! the offset is used only inside one minute. Whoever goes on without a token does the same.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::ranges::{Range, minute};
use crate::{
    error::{Error, Result},
    instances::Dialect,
    ports::{FetchedIssue, JiraSite, SetAside, SitePage},
};

/// Issues of a page.
const PAGE_SIZE: u32 = 100;

/// Where a walk goes on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The page of the present query that comes next; `None` for its first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Where the present query begins; `None` at the walk's own beginning.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<DateTime<Utc>>,
    /// Where a query may begin that goes on without the cursor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reached: Option<DateTime<Utc>>,
    /// Whether nothing is left.
    #[serde(default)]
    pub finished: bool,
}

/// What is walked over.
#[derive(Clone, Copy, Debug)]
pub(super) enum Walk {
    /// Issues of a range, the newest first.
    Created(Range),
    /// Issues that were changed since, in the order of their changes.
    Updated(DateTime<Utc>),
}

/// A page and the position after it.
pub(super) struct Turned {
    pub(super) issues: Vec<FetchedIssue>,
    /// Issues of the page that could not be completed.
    pub(super) set_aside: Vec<SetAside>,
    pub(super) next: Position,
    /// When it was asked for: it tells nothing of what happened later.
    pub(super) read_at: DateTime<Utc>,
}

impl Walk {
    fn jql(self, position: &Position) -> String {
        match self {
            Self::Created(range) => format!("{} ORDER BY created DESC, id DESC", range.jql(position.bound)),
            Self::Updated(since) => {
                let since = position.bound.unwrap_or(since).timestamp_millis().max(0);
                format!("updated >= {since} ORDER BY updated ASC, id ASC")
            }
        }
    }

    /// Where a query begins that leaves out what came before this page's last issue: the whole minute counts (jira-facts 2.2).
    fn reached(self, page: &SitePage) -> Option<DateTime<Utc>> {
        let times = |field: &str| {
            let texts = page.issues.iter().map(|issue| issue.raw["fields"][field].as_str());
            texts.map(|text| domain::jira_time::parse(text?).ok()).collect::<Option<Vec<_>>>()
        };
        match self {
            Self::Created(_) => {
                let oldest = times("created")?.into_iter().min()?;
                minute(oldest)?.checked_add_signed(TimeDelta::minutes(1))
            }
            Self::Updated(_) => minute(times("updated")?.into_iter().max()?),
        }
    }

    /// The page at a position. A token that the site does not know any more is given up for where the walk had come to.
    pub(super) async fn turn(
        self,
        site: &dyn JiraSite,
        dialect: Dialect,
        position: &Position,
        clock: &dyn crate::ports::Clock,
    ) -> Result<Turned> {
        let mut from = position.clone();
        let mut read_at = clock.now();
        let asked = site.search(dialect, &self.jql(&from), from.cursor.as_deref(), PAGE_SIZE).await;
        let page = match asked {
            Err(Error::Invalid(_) | Error::InvalidJql(_)) if from.cursor.is_some() => {
                tracing::info!("the site does not know the page any more; its query is begun again");
                from = Position { bound: from.reached.or(from.bound), ..Position::default() };
                read_at = clock.now();
                site.search(dialect, &self.jql(&from), None, PAGE_SIZE).await?
            }
            asked => asked?,
        };
        let next = self.after(dialect, &from, &page);
        Ok(Turned { issues: page.issues, set_aside: page.set_aside, next, read_at })
    }

    /// The position after a page that was read at one.
    fn after(self, dialect: Dialect, at: &Position, page: &SitePage) -> Position {
        let reached = self.reached(page).or(at.reached);
        // Only a page that got somewhere is followed by a new query: inside one minute the offset goes on.
        let moved = reached.filter(|reached| at.bound != Some(*reached) && !self.begins_at(*reached));
        match (&page.next, dialect, moved) {
            // There is more, and no token that leads there.
            (None, _, Some(bound)) if page.ends_early => {
                tracing::info!("the site ended a page early; a query from there goes on");
                Position { bound: Some(bound), reached, ..Position::default() }
            }
            (None, ..) => {
                if page.ends_early {
                    tracing::warn!(
                        "the site ended a page early and leads no further; a census finds what is missing"
                    );
                }
                Position { cursor: None, bound: at.bound, reached, finished: true }
            }
            (Some(_), Dialect::V2, Some(bound)) => {
                Position { bound: Some(bound), reached, ..Position::default() }
            }
            (Some(cursor), ..) => {
                Position { cursor: Some(cursor.clone()), bound: at.bound, reached, finished: false }
            }
        }
    }

    /// Whether the walk itself begins there, so that a query from there would be the first one again.
    fn begins_at(self, bound: DateTime<Utc>) -> bool {
        match self {
            Self::Created(range) => range.created_to.is_some_and(|to| bound >= to),
            Self::Updated(since) => bound <= since,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn page(created: &[i64], next: Option<&str>) -> SitePage {
        let issue = |seconds: &i64| FetchedIssue {
            raw: json!({ "fields": { "created": domain::jira_time::format(at(*seconds)), "updated": domain::jira_time::format(at(*seconds)) } }),
            comments_complete: true,
            worklogs_complete: true,
        };
        SitePage {
            issues: created.iter().map(issue).collect(),
            next: next.map(str::to_owned),
            ..SitePage::default()
        }
    }

    #[test]
    fn with_tokens_the_query_stays_and_its_end_is_remembered() {
        let walk = Walk::Created(Range::default());
        let next = walk.after(Dialect::V3, &Position::default(), &page(&[600, 430], Some("t")));
        let expected =
            Position { cursor: Some("t".into()), bound: None, reached: Some(at(480)), finished: false };
        assert_eq!(next, expected);
        assert!(walk.after(Dialect::V3, &next, &page(&[400], None)).finished);
    }

    #[test]
    fn with_offsets_every_page_is_the_first_of_a_query_of_its_own() {
        let walk = Walk::Created(Range { created_to: Some(at(660)), ..Range::default() });
        let next = walk.after(Dialect::V2, &Position::default(), &page(&[600, 430], Some("100")));
        assert_eq!((next.cursor.clone(), next.bound), (None, Some(at(480))));
        assert_eq!(walk.jql(&next), "created < 480000 ORDER BY created DESC, id DESC");
        // A page within one minute gets nowhere: the offset goes on until it does.
        let stuck = walk.after(Dialect::V2, &next, &page(&[470, 430], Some("100")));
        assert_eq!((stuck.cursor.as_deref(), stuck.bound), (Some("100"), Some(at(480))));
        let on = walk.after(Dialect::V2, &stuck, &page(&[425, 410], Some("200")));
        assert_eq!((on.cursor.as_deref(), on.bound), (None, Some(at(420))));
    }

    #[test]
    fn a_page_without_the_token_that_it_should_have_is_followed_by_a_query_from_its_end() {
        let walk = Walk::Created(Range::default());
        let cut = SitePage { ends_early: true, ..page(&[600, 430], None) };
        let next = walk.after(Dialect::V3, &Position::default(), &cut);
        assert_eq!((next.bound, next.finished), (Some(at(480)), false));
        let stuck = SitePage { ends_early: true, ..page(&[470, 430], None) };
        assert!(walk.after(Dialect::V3, &next, &stuck).finished, "asking the same again would not end");
    }

    #[test]
    fn changes_are_walked_upwards() {
        let walk = Walk::Updated(at(120));
        let next = walk.after(Dialect::V2, &Position::default(), &page(&[130, 250], Some("100")));
        assert_eq!((next.cursor.clone(), next.bound), (None, Some(at(240))));
        assert_eq!(walk.jql(&next), "updated >= 240000 ORDER BY updated ASC, id ASC");
        let first = walk.after(Dialect::V2, &Position::default(), &page(&[130, 150], Some("100")));
        assert_eq!(
            first.cursor.as_deref(),
            Some("100"),
            "from the first minute on would be the first page again"
        );
    }

    #[test]
    fn a_page_with_an_issue_without_a_time_is_followed_by_its_cursor() {
        let mut odd = page(&[600], Some("100"));
        odd.issues[0].raw["fields"]["created"] = json!(null);
        let next = Walk::Created(Range::default()).after(Dialect::V2, &Position::default(), &odd);
        assert_eq!((next.cursor.as_deref(), next.bound, next.reached), (Some("100"), None, None));
    }
}
