//! Walking a query page by page, so that a stored position is enough to go on.
//!
//! Cloud pages by tokens, which expire. Data Center pages by offset, which skips rows when others leave the result (jira-facts
//! 1.3, 2.2) and ends at 10,000; there each page is the first one of a query that begins where the last one ended, and
//! the offset is used only inside one minute. There a page shows the end of the one before again; one that does not comes after
//! issues that nobody has seen, and the minute is begun anew. Whoever goes on without a token does the same.
//!
//! Such a query must begin no later than where the page ended in the order of the site's index. Creation never changes, so an
//! issue says that itself. Changes do: a site orders by what its index knows and shows what its database knows, and an issue
//! that was changed just now comes with its new time at its old place. Only times that the index must know by now are
//! believed; among younger ones the offset is used.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{
    ranges::{MINUTE, Range, minute},
    work::OVERLAP,
};
use crate::{
    error::{Error, Result},
    instances::Dialect,
    ports::{IssueText, JiraSite, PageSize, SetAside, SitePage},
};

/// How often a page is asked for again that ends early and leads nowhere.
const AGAIN: u32 = 2;

/// How often a site may refuse its own tokens while a walk gets nowhere.
const REFUSALS: u32 = 3;

/// How often a minute is begun anew because its issues moved up between two pages.
const MOVES: u32 = 3;
/// So many issues at the end of a page are looked for on the next one: no fewer than a site shows again.
const TAIL: usize = 20;

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
    /// How often the query was begun anew from there because the site did not know the token that it had given itself.
    #[serde(default)]
    pub refused: u32,
    /// The ids at the end of the page before, where the next one is to show some of them again: with an offset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tail: Vec<String>,
    /// How often the minute was begun anew because it showed none of them.
    #[serde(default)]
    pub moved: u32,
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
    pub(super) issues: Vec<IssueText>,
    /// Issues of the page that could not be completed.
    pub(super) set_aside: Vec<SetAside>,
    pub(super) next: Position,
    /// When it was asked for: it tells nothing of what happened later.
    pub(super) read_at: DateTime<Utc>,
    /// Whether the site has more here, and no way there: the walk ends, or passes over what is left of a minute.
    pub(super) is_cut: bool,
}

/// Where a query may begin that goes on behind a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reached {
    at: DateTime<Utc>,
    /// Whether the page surely came that far in the order of the index.
    is_certain: bool,
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
    fn reached(self, page: &SitePage, read_at: DateTime<Utc>) -> Option<Reached> {
        let times = |time: fn(&IssueText) -> Option<DateTime<Utc>>| {
            page.issues.iter().map(time).collect::<Option<Vec<_>>>()
        };
        match self {
            Self::Created(_) => {
                let oldest = times(IssueText::created)?.into_iter().min()?;
                Some(Reached { at: minute(oldest)?.checked_add_signed(MINUTE)?, is_certain: true })
            }
            Self::Updated(_) => {
                let times = times(IssueText::updated)?;
                let certain = times.iter().copied().filter(|at| is_indexed(*at, read_at)).max();
                let latest = certain.or_else(|| times.into_iter().max())?;
                Some(Reached { at: minute(latest)?, is_certain: certain.is_some() })
            }
        }
    }

    /// The page at a position; `None` where it would be larger than `most`. A token that the site does not know any more is given
    /// up for where the walk had come to.
    pub(super) async fn turn(
        self,
        site: &dyn JiraSite,
        dialect: Dialect,
        position: &Position,
        clock: &dyn crate::ports::Clock,
        most: PageSize,
    ) -> Result<Option<Turned>> {
        let mut from = position.clone();
        let mut read_at = clock.now();
        let mut is_passed_over = false;
        let asked = site.search(dialect, &self.jql(&from), from.cursor.as_deref(), most).await;
        let page = match asked {
            Err(Error::Invalid(_) | Error::InvalidJql(_)) if from.cursor.is_some() => {
                tracing::info!("the site does not know the page any more; its query is begun again");
                let reached = from.reached.or(from.bound);
                from = self.begun_anew(&from)?;
                is_passed_over = from.bound != reached;
                read_at = clock.now();
                site.search(dialect, &self.jql(&from), None, most).await?
            }
            asked => asked?,
        };
        let Some(mut page) = page else { return Ok(None) };
        if from.has_moved(&page) {
            is_passed_over |= from.moved >= MOVES;
            if from.moved < MOVES {
                tracing::info!("issues left a minute while it was read; it is begun anew");
                let (bound, reached, moved) = (from.bound, from.reached, from.moved + 1);
                from = Position { bound, reached, moved, ..Position::default() };
                read_at = clock.now();
                let again = site.search(dialect, &self.jql(&from), None, most).await?;
                let Some(again) = again else { return Ok(None) };
                page = again;
            }
        }
        let mut next = self.after(dialect, &from, &page, read_at);
        // Sites lose tokens, and find them again.
        for _ in 0..AGAIN {
            if !(page.ends_early && next.finished) {
                break;
            }
            read_at = clock.now();
            let again = site.search(dialect, &self.jql(&from), from.cursor.as_deref(), most).await?;
            let Some(again) = again else { return Ok(None) };
            page = again;
            next = self.after(dialect, &from, &page, read_at);
        }
        let behind = self.reached(&page, read_at).and_then(|reached| self.behind_the_minute(reached));
        let leads_nowhere = next.finished || (next.bound.is_some() && next.bound == behind);
        let ends_in_vain = page.ends_early && leads_nowhere && is_full(&page, most);
        if ends_in_vain {
            tracing::warn!("the site ended a full page early and leads no further");
        }
        let is_cut = ends_in_vain || is_passed_over;
        Ok(Some(Turned { issues: page.issues, set_aside: page.set_aside, next, read_at, is_cut }))
    }

    /// Where to go on without the token at a position, which the site does not know any more. Tokens expire, and are good for the
    /// query that is begun anew. A site that knows none of its tokens shows the first page of a minute again and again: what is
    /// left of the minute is passed over, or else the walk ends.
    ///
    /// # Errors
    /// [`Error::Upstream`] where nothing can be passed over.
    fn begun_anew(self, from: &Position) -> Result<Position> {
        let bound = from.reached.or(from.bound);
        let refused = if bound == from.bound { from.refused.saturating_add(1) } else { 1 };
        if refused <= REFUSALS {
            return Ok(Position { bound, refused, ..Position::default() });
        }
        match bound.and_then(|at| self.behind_the_minute(Reached { at, is_certain: true })) {
            Some(behind) => {
                tracing::warn!("the site shows a minute in part; a census finds what is missing");
                Ok(Position { bound: Some(behind), reached: Some(behind), ..Position::default() })
            }
            None => {
                let minute = bound.map_or_else(|| "the beginning".to_owned(), |at| at.to_string());
                Err(Error::Upstream {
                    system: "Jira",
                    message: format!(
                        "the site has more issues at {minute} than one page holds, and knows none of the page tokens that it \
                         gives; the sync begins again later"
                    ),
                    retryable: true,
                })
            }
        }
    }

    /// The position after a page that was read at one.
    fn after(self, dialect: Dialect, at: &Position, page: &SitePage, read_at: DateTime<Utc>) -> Position {
        let came_to = self.reached(page, read_at);
        let is_certain = came_to.is_none_or(|reached| reached.is_certain);
        let reached = came_to.map(|reached| reached.at).or(at.reached);
        // Only a page that got somewhere is followed by a new query: inside one minute the offset goes on.
        let moved = reached.filter(|reached| at.bound != Some(*reached) && !self.begins_at(*reached));
        match (&page.next, dialect, moved) {
            // There is more, and no token that leads there.
            (None, _, Some(bound)) if page.ends_early => {
                tracing::info!("the site ended a page early; a query from there goes on");
                Position { bound: Some(bound), reached, ..Position::default() }
            }
            (None, ..) => match came_to.and_then(|reached| self.behind_the_minute(reached)) {
                Some(bound) if page.ends_early => {
                    tracing::warn!("the site shows a minute in part; a census finds what is missing");
                    Position { bound: Some(bound), reached: Some(bound), ..Position::default() }
                }
                _ => Position { bound: at.bound, reached, finished: true, ..Position::default() },
            },
            (Some(_), Dialect::V2, Some(bound)) if is_certain => {
                Position { bound: Some(bound), reached, ..Position::default() }
            }
            (Some(cursor), ..) => {
                // Whoever gets somewhere may be refused again.
                let refused = if reached == at.bound { at.refused } else { 0 };
                let tail = if dialect == Dialect::V2 { tail(page) } else { Vec::new() };
                let (cursor, bound, moved) = (Some(cursor.clone()), at.bound, at.moved);
                Position { cursor, bound, reached, refused, tail, moved, finished: false }
            }
        }
    }

    /// Where a query begins that passes over what is left of the minute that a page came to. Only of creation: what is passed over
    /// there is in the next census, and a change is in none.
    fn behind_the_minute(self, reached: Reached) -> Option<DateTime<Utc>> {
        let Self::Created(range) = self else { return None };
        let bound = reached.at.checked_sub_signed(MINUTE)?;
        range.created_from.is_none_or(|from| bound > from).then_some(bound)
    }

    /// Whether the walk itself begins there, so that a query from there would be the first one again.
    fn begins_at(self, bound: DateTime<Utc>) -> bool {
        match self {
            Self::Created(range) => range.created_to.is_some_and(|to| bound >= to),
            Self::Updated(since) => bound <= since,
        }
    }
}

impl Position {
    /// Whether a page that goes on from here by its offset shows nothing of the one before: so many issues have left the result that
    /// others have moved up past it unseen.
    fn has_moved(&self, page: &SitePage) -> bool {
        self.cursor.is_some() && !self.tail.is_empty() && !ids(page).any(|id| self.tail.contains(&id))
    }
}

fn ids(page: &SitePage) -> impl DoubleEndedIterator<Item = String> {
    let aside = page.set_aside.iter().filter_map(|aside| aside.jira_id.clone());
    aside.chain(page.issues.iter().filter_map(|issue| issue.id().map(str::to_owned)))
}

/// The end of a page; where an issue that could not be read stood is not known. Of a single issue nothing is shown again.
fn tail(page: &SitePage) -> Vec<String> {
    if page.issues.len() + page.set_aside.len() < 2 {
        return Vec::new();
    }
    ids(page).rev().take(TAIL + page.set_aside.len()).collect()
}

impl Turned {
    /// How much text it is.
    pub(super) fn bytes(&self) -> u64 {
        self.issues.iter().map(IssueText::bytes).sum()
    }

    /// Up to when a walk over changes that began then has surely stored them all, once this page is stored with these times.
    pub(super) fn is_certain_until(
        &self,
        times: impl Iterator<Item = DateTime<Utc>>,
        began_at: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        match self.next.finished && !self.is_cut {
            // What was changed while the walk went on may have been passed already.
            true => times.max().map(|latest| latest.min(began_at)),
            false => times.filter(|at| is_indexed(*at, self.read_at)).max(),
        }
    }
}

/// Sites say wrongly, too, that there is more (JRACLOUD-95477): a page that is not full is believed to be the last.
fn is_full(page: &SitePage, most: PageSize) -> bool {
    page.issues.len() + page.set_aside.len() >= most.issues as usize
}

/// Whether a time is so old that the index which a page came from knew it.
fn is_indexed(at: DateTime<Utc>, read_at: DateTime<Utc>) -> bool {
    at < read_at - OVERLAP
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::{Value, json, value::to_raw_value};

    use super::*;

    /// Long after what the pages show.
    const LATER: DateTime<Utc> = DateTime::<Utc>::MAX_UTC;

    fn at(seconds: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::seconds(seconds)
    }

    fn text(issue: &Value) -> IssueText {
        IssueText::new(to_raw_value(issue).unwrap(), true, true)
    }

    fn page(created: &[i64], next: Option<&str>) -> SitePage {
        let issue = |seconds: &i64| {
            let time = domain::jira_time::format(at(*seconds));
            text(&json!({ "fields": { "created": time, "updated": time } }))
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
        let next = walk.after(Dialect::V3, &Position::default(), &page(&[600, 430], Some("t")), LATER);
        let expected = Position { cursor: Some("t".into()), reached: Some(at(480)), ..Position::default() };
        assert_eq!(next, expected);
        assert!(walk.after(Dialect::V3, &next, &page(&[400], None), LATER).finished);
    }

    #[test]
    fn with_offsets_every_page_is_the_first_of_a_query_of_its_own() {
        let walk = Walk::Created(Range { created_to: Some(at(660)), ..Range::default() });
        let next = walk.after(Dialect::V2, &Position::default(), &page(&[600, 430], Some("100")), LATER);
        assert_eq!((next.cursor.clone(), next.bound), (None, Some(at(480))));
        assert_eq!(walk.jql(&next), "created < 480000 ORDER BY created DESC, id DESC");
        // A page within one minute gets nowhere: the offset goes on until it does.
        let stuck = walk.after(Dialect::V2, &next, &page(&[470, 430], Some("100")), LATER);
        assert_eq!((stuck.cursor.as_deref(), stuck.bound), (Some("100"), Some(at(480))));
        let on = walk.after(Dialect::V2, &stuck, &page(&[425, 410], Some("200")), LATER);
        assert_eq!((on.cursor.as_deref(), on.bound), (None, Some(at(420))));
    }

    #[test]
    fn a_page_without_the_token_that_it_should_have_is_followed_by_a_query_from_its_end() {
        let walk = Walk::Created(Range::default());
        let cut = SitePage { ends_early: true, ..page(&[600, 430], None) };
        let next = walk.after(Dialect::V3, &Position::default(), &cut, LATER);
        assert_eq!((next.bound, next.finished), (Some(at(480)), false));
        // What is left of the minute is out of reach; what is older is not.
        let stuck = SitePage { ends_early: true, ..page(&[470, 430], None) };
        let behind = walk.after(Dialect::V3, &next, &stuck, LATER);
        assert_eq!((behind.bound, behind.finished), (Some(at(420)), false));
        let none = SitePage { ends_early: true, ..page(&[], None) };
        assert!(
            walk.after(Dialect::V3, &behind, &none, LATER).finished,
            "asking the same again would not end"
        );
        let last = Walk::Created(Range { created_from: Some(at(420)), ..Range::default() });
        assert!(last.after(Dialect::V3, &next, &stuck, LATER).finished, "the range ends with that minute");
        let changes = Walk::Updated(at(420));
        assert!(
            changes.after(Dialect::V3, &Position::default(), &stuck, LATER).finished,
            "nothing is passed over"
        );
    }

    /// Begins anew each time, at a site that shows this page and refuses its token; answers where it ended.
    fn refused_for_ever(walk: Walk, created: &[i64]) -> Result<Position> {
        let mut position = walk.after(Dialect::V3, &Position::default(), &page(created, Some("t")), LATER);
        for _ in 0..10 {
            let begun = walk.begun_anew(&position)?;
            if begun.refused == 0 {
                return Ok(begun);
            }
            position = walk.after(Dialect::V3, &begun, &page(created, Some("t")), LATER);
        }
        panic!("{position:?}: asked for ever");
    }

    #[test]
    fn a_site_that_knows_none_of_its_tokens_is_not_asked_for_ever() {
        let passed = refused_for_ever(Walk::Created(Range::default()), &[470, 430]).unwrap();
        assert_eq!(passed.bound, Some(at(420)), "what is older is in reach");
        let changes = refused_for_ever(Walk::Updated(at(60)), &[430, 470]);
        let error = changes.unwrap_err().to_string();
        assert!(error.contains("page tokens"), "{error}");
        // A token that expired once is none of that: the walk gets on.
        let walk = Walk::Created(Range::default());
        let on = walk.after(Dialect::V3, &Position::default(), &page(&[600, 430], Some("t")), LATER);
        let begun = walk.begun_anew(&on).unwrap();
        let next = walk.after(Dialect::V3, &begun, &page(&[430, 200], Some("t")), LATER);
        assert_eq!((begun.refused, next.refused), (1, 0));
    }

    #[test]
    fn a_time_that_the_index_need_not_know_yet_leads_nowhere() {
        let walk = Walk::Updated(at(60));
        // The second issue was changed just now: it is shown with its new time at its old place.
        let read_at = at(10_000);
        let busy = page(&[130, 9_990, 250], Some("100"));
        let next = walk.after(Dialect::V2, &Position::default(), &busy, read_at);
        assert_eq!((next.cursor.as_deref(), next.bound), (None, Some(at(240))));
        let young = walk.after(Dialect::V2, &next, &page(&[9_900, 9_990], Some("100")), read_at);
        assert_eq!((young.cursor.as_deref(), young.bound), (Some("100"), Some(at(240))));
    }

    #[test]
    fn a_walk_is_certain_of_what_it_has_passed_and_at_its_end_of_what_there_was_when_it_began() {
        let turned = |finished, is_cut| Turned {
            issues: Vec::new(),
            set_aside: Vec::new(),
            next: Position { finished, ..Position::default() },
            read_at: at(10_000),
            is_cut,
        };
        let until = |finished, is_cut, times: &[i64]| {
            turned(finished, is_cut).is_certain_until(times.iter().copied().map(at), at(9_000))
        };
        assert_eq!(until(false, false, &[130, 9_990, 250]), Some(at(250)));
        assert_eq!(until(false, false, &[9_990]), None);
        assert_eq!(until(true, false, &[130, 250]), Some(at(250)));
        assert_eq!(
            until(true, false, &[130, 9_990]),
            Some(at(9_000)),
            "changes may have been passed since then"
        );
        assert_eq!(until(true, true, &[130, 9_990]), Some(at(130)));
        assert_eq!(until(true, false, &[]), None);
    }

    #[test]
    fn changes_are_walked_upwards() {
        let walk = Walk::Updated(at(120));
        let next = walk.after(Dialect::V2, &Position::default(), &page(&[130, 250], Some("100")), LATER);
        assert_eq!((next.cursor.clone(), next.bound), (None, Some(at(240))));
        assert_eq!(walk.jql(&next), "updated >= 240000 ORDER BY updated ASC, id ASC");
        let first = walk.after(Dialect::V2, &Position::default(), &page(&[130, 150], Some("100")), LATER);
        assert_eq!(
            first.cursor.as_deref(),
            Some("100"),
            "from the first minute on would be the first page again"
        );
    }

    #[test]
    fn a_page_that_shows_nothing_of_the_one_before_comes_after_unseen_issues() {
        let numbered = |ids: std::ops::Range<u32>| {
            let time = domain::jira_time::format(at(430));
            let issue = |id: u32| {
                text(&json!({ "id": id.to_string(), "fields": { "created": time, "updated": time } }))
            };
            SitePage { issues: ids.map(issue).collect(), next: Some("80".into()), ..SitePage::default() }
        };
        let walk = Walk::Updated(at(420));
        let on = walk.after(Dialect::V2, &Position::default(), &numbered(0..100), LATER);
        assert_eq!((on.cursor.as_deref(), on.tail.len()), (Some("80"), TAIL));
        assert!(!on.has_moved(&numbered(80..180)), "twenty are shown again");
        assert!(!on.has_moved(&numbered(99..199)), "nineteen have left, and none is skipped");
        assert!(on.has_moved(&numbered(101..201)), "one is skipped at least");
        assert!(on.has_moved(&page(&[], None)), "so are all that are left");
        let token = walk.after(Dialect::V3, &Position::default(), &numbered(0..100), LATER);
        assert!(!token.has_moved(&numbered(101..201)), "tokens do not move");
        // Large issues are asked for one at a time.
        let one = walk.after(Dialect::V2, &on, &numbered(80..81), LATER);
        assert!(!one.has_moved(&numbered(81..82)), "nothing could be shown again");
        let two = walk.after(Dialect::V2, &one, &numbered(81..83), LATER);
        assert!(two.has_moved(&numbered(83..84)) && !two.has_moved(&numbered(82..84)));
    }

    #[test]
    fn a_page_with_an_issue_without_a_time_is_followed_by_its_cursor() {
        let mut odd = page(&[600], Some("100"));
        odd.issues[0] = text(&json!({ "fields": { "created": null } }));
        let next = Walk::Created(Range::default()).after(Dialect::V2, &Position::default(), &odd, LATER);
        assert_eq!((next.cursor.as_deref(), next.bound, next.reached), (Some("100"), None, None));
    }
}
