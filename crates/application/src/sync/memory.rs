//! What pages of issues may take of a process's memory, those of all runs together.
//!
//! A page is text from its answer until its turn comes to be stored. Then it is taken apart and stored portion by portion: a tree of
//! values, the rows made of it and the statements that carry them take about [`APART`] times the memory of their text. So the number
//! of requests that are on their way makes no difference, and the size of issues only where a single one is larger than everything that
//! is allowed: then it has all of it, alone.
//!
//! Whoever waits to take apart holds text; whoever takes apart waits for no text. So nobody waits in a circle.

use std::{pin::pin, sync::Arc};

use domain::ids::InstanceId;
use futures::future::{Either, select};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::ports::IssueText;

/// How many times the memory of its text a page takes while it is stored.
const APART: u64 = 10;
/// The share of text that waits: one part of so many.
const TEXT_SHARE: u64 = 3;
/// The largest page that a walk asks for: one part of so many of all text, so that some are always on their way at the same time.
const LARGEST_SHARE: u64 = 4;
/// The text that is taken apart at a time, where one issue has no more by itself. A usual page of a hundred issues has less.
const PORTION: u64 = 2 << 20;
/// The text of an issue that takes no room to speak of.
const USUAL_ISSUE: u64 = 256 << 10;
/// What permits count.
const KIB: u64 = 1024;

/// Memory for pages of issues; clones share it.
#[derive(Clone, Debug)]
pub struct PageMemory {
    text: Share,
    apart: Share,
}

#[derive(Clone, Debug)]
struct Share {
    free: Arc<Semaphore>,
    all_kib: u32,
}

/// Some of it, until it is dropped.
#[derive(Debug)]
pub(crate) struct Held {
    permit: Option<OwnedSemaphorePermit>,
    all_kib: u32,
}

impl PageMemory {
    /// So many bytes.
    pub fn new(bytes: u64) -> Self {
        let text = bytes / TEXT_SHARE;
        Self { text: Share::new(text), apart: Share::new((bytes - text) / APART) }
    }

    /// Room for the text of one page, beside all of this: whoever waits for a slow site keeps no other run from getting on.
    pub(super) fn of_one_page(&self) -> OnePage {
        OnePage(Share::new(self.largest_page()))
    }

    /// Room for the text of a page that may have so many bytes, from its run's own or from what all runs share. More than all is
    /// all.
    pub(super) async fn text(&self, bytes: u64, own: &OnePage) -> Held {
        if bytes > self.largest_page() {
            return self.text.take(bytes).await;
        }
        match select(pin!(own.0.take(bytes)), pin!(self.text.take(bytes))).await {
            Either::Left((room, _)) | Either::Right((room, _)) => room,
        }
    }

    /// Room to take so many bytes of text apart and store them. More than all is all.
    pub(super) async fn apart(&self, bytes: u64) -> Held {
        self.apart.take(bytes).await
    }

    /// Room for a few issues that somebody looks at by themselves: a usual one is let through, so that webhooks never wait for pages,
    /// and there are no more of them at a time than jobs.
    pub(crate) async fn a_few(&self, bytes: u64) -> Option<Held> {
        match bytes <= USUAL_ISSUE {
            true => None,
            false => Some(self.apart(bytes).await),
        }
    }

    /// The largest page that is worth asking for, in bytes, where it has more than one issue.
    pub(super) fn largest_page(&self) -> u64 {
        u64::from(self.text.all_kib) * KIB / LARGEST_SHARE
    }

    /// How much text is taken apart at a time, in bytes.
    pub(super) fn portion(&self) -> u64 {
        PORTION.min(u64::from(self.apart.all_kib) * KIB)
    }
}

/// Room for the text of one page, which a run shares with no other.
#[derive(Debug)]
pub(super) struct OnePage(Share);

impl Share {
    fn new(bytes: u64) -> Self {
        let all_kib = kib(bytes).max(1);
        Self { free: Arc::new(Semaphore::new(all_kib as usize)), all_kib }
    }

    async fn take(&self, bytes: u64) -> Held {
        let wanted = kib(bytes).min(self.all_kib);
        // It is never closed.
        let permit = Arc::clone(&self.free).acquire_many_owned(wanted).await.ok();
        Held { permit, all_kib: self.all_kib }
    }
}

impl Held {
    /// Gives back what is not needed for so many bytes.
    pub(super) fn keep(&mut self, bytes: u64) {
        let needed = kib(bytes).min(self.all_kib) as usize;
        if let Some(permit) = &mut self.permit {
            drop(permit.split(permit.num_permits().saturating_sub(needed)));
        }
    }
}

/// Issues in portions of at most so many bytes, or of a single issue. Where there are several, they are in the order of our ids, in which
/// every page touches its rows.
pub(super) fn portions(instance: InstanceId, mut issues: Vec<IssueText>, most: u64) -> Vec<Vec<IssueText>> {
    if bytes_of(&issues) <= most {
        return vec![issues];
    }
    issues.sort_by_cached_key(|issue| issue.id().map(|id| instance.issue(id)));
    let mut portions: Vec<Vec<IssueText>> = Vec::new();
    let mut left = 0;
    for issue in issues {
        match portions.last_mut().filter(|_| issue.bytes() <= left) {
            Some(portion) => {
                left -= issue.bytes();
                portion.push(issue);
            }
            None => {
                left = most.saturating_sub(issue.bytes());
                portions.push(vec![issue]);
            }
        }
    }
    portions
}

/// How much text they are.
pub(crate) fn bytes_of(issues: &[IssueText]) -> u64 {
    issues.iter().map(IssueText::bytes).sum()
}

fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(KIB)).unwrap_or(u32::MAX).min(MOST_KIB)
}

/// A semaphore counts no further on any platform.
const MOST_KIB: u32 = u32::MAX >> 4;

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    const MIB: u64 = 1 << 20;

    fn none_of_its_own() -> OnePage {
        let own = PageMemory::new(12 * MIB).of_one_page();
        own.0.free.forget_permits(usize::MAX);
        own
    }

    #[test]
    fn text_waits_while_all_of_it_is_taken_and_what_is_not_needed_comes_back() {
        let (memory, own) = (PageMemory::new(12 * MIB), none_of_its_own());
        assert_eq!(memory.largest_page(), MIB);
        let take = |bytes: u64| memory.text(bytes, &own).now_or_never();
        let [mut one, _two, _three, four] = [MIB; 4].map(|bytes| take(bytes).unwrap());
        assert!(take(1).is_none());
        one.keep(MIB / 2);
        assert!(take(MIB / 2).is_some());
        assert!(take(MIB).is_none());
        drop(four);
        assert!(memory.clone().text(MIB, &own).now_or_never().is_some(), "clones share it");
    }

    #[test]
    fn a_run_has_room_for_one_page_whatever_the_others_hold() {
        let memory = PageMemory::new(12 * MIB);
        let (slow, other) = (memory.of_one_page(), memory.of_one_page());
        let held: Vec<Held> = std::iter::from_fn(|| memory.text(MIB, &slow).now_or_never()).collect();
        assert_eq!(held.len(), 5, "its own, and four that are for all");
        let page = memory.text(MIB, &other).now_or_never().unwrap();
        assert!(memory.text(MIB, &other).now_or_never().is_none());
        drop(page);
        assert!(memory.text(MIB, &other).now_or_never().is_some());
    }

    #[test]
    fn what_is_larger_than_everything_has_it_alone() {
        let memory = PageMemory::new(30 * MIB);
        let own = memory.of_one_page();
        let monster = memory.apart(64 * MIB).now_or_never().unwrap();
        assert!(memory.apart(1).now_or_never().is_none());
        let text = memory.text(64 * MIB, &own).now_or_never().unwrap();
        assert!(memory.text(64 * MIB, &own).now_or_never().is_none(), "not from a run's own");
        assert!(memory.a_few(5 * MIB).now_or_never().is_none());
        assert!(memory.a_few(20 << 10).now_or_never().unwrap().is_none(), "a webhook does not wait for it");
        drop((monster, text));
        assert!(memory.apart(1).now_or_never().is_some());
        assert_eq!(memory.portion(), 2 * MIB);
        assert_eq!(PageMemory::new(3 * MIB).portion(), 205 * KIB, "no portion is larger than all");
    }

    #[test]
    fn to_keep_more_than_is_held_changes_nothing() {
        let (memory, own) = (PageMemory::new(12 * MIB), none_of_its_own());
        let mut held = memory.text(MIB, &own).now_or_never().unwrap();
        held.keep(2 * MIB);
        assert!(memory.text(MIB, &own).now_or_never().is_some());
        let nothing = PageMemory::new(0);
        assert!(
            nothing.text(MIB, &nothing.of_one_page()).now_or_never().is_some(),
            "one page is always allowed"
        );
    }

    fn issues(kib: &[usize]) -> Vec<IssueText> {
        let issue = |(id, kib): (usize, &usize)| {
            let text =
                format!(r#"{{"id": "{}", "fields": {{"summary": "{}"}}}}"#, id + 1, "x".repeat(kib * 1024));
            IssueText::new(serde_json::value::RawValue::from_string(text).unwrap(), true, true)
        };
        kib.iter().enumerate().map(issue).collect()
    }

    #[test]
    fn a_page_is_taken_apart_in_portions_that_together_are_the_page() {
        let instance = InstanceId(uuid::Uuid::nil());
        let usual = portions(instance, issues(&[10; 100]), 2 * MIB);
        assert_eq!(usual.iter().map(Vec::len).collect::<Vec<_>>(), [100]);
        let large = portions(instance, issues(&[700, 5_000, 700, 700, 700]), 2 * MIB);
        let mut ids: Vec<&str> = large.iter().flatten().filter_map(IssueText::id).collect();
        let ours: Vec<_> = ids.iter().map(|id| instance.issue(id)).collect();
        assert!(ours.is_sorted(), "all pages touch their rows in one order");
        ids.sort_unstable();
        assert_eq!(ids, ["1", "2", "3", "4", "5"]);
        assert!(large.iter().all(|portion| portion.len() == 1 || bytes_of(portion) <= 2 * MIB));
        assert!((3..=4).contains(&large.len()), "{}", large.len());
        assert_eq!(portions(instance, Vec::new(), MIB).len(), 1);
    }
}
