//! Comparing a roll call with the copy, both ordered by the number of the key: a merge that holds a page of each.
//!
//! It is right whatever the listing does. An issue that a page shows twice, or out of order, is told as unknown, which costs a
//! look at the copy; and one that is passed over is told as absent, which costs a look at the site. Nothing follows from either
//! word alone.

use std::{cmp::Ordering, collections::VecDeque};

/// An issue as the site lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The number of its key.
    pub number: i64,
    /// Jira's numeric id.
    pub id: i64,
    /// Its key.
    pub key: String,
}

/// An issue as the copy has it, present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// The number of its key.
    pub number: i64,
    /// Jira's numeric id.
    pub id: i64,
    /// Its key.
    pub key: String,
}

/// What a step found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// In the copy, and not in the listing.
    pub absent: Vec<i64>,
    /// In the listing, and not in the copy or not under this key.
    pub unknown: Vec<Listed>,
}

/// Merges as far as the two queues allow: until one that has not ended runs empty.
pub fn advance(
    listed: &mut VecDeque<Listed>,
    listed_ended: bool,
    copied: &mut VecDeque<Copied>,
    copied_ended: bool,
    found: &mut Found,
) {
    loop {
        let order = match (listed.front(), copied.front()) {
            (Some(issue), Some(row)) => issue.number.cmp(&row.number).then_with(|| {
                // Equal numbers of different issues: the copy's row goes first, so that the listed one meets all of them.
                if issue.id == row.id { Ordering::Equal } else { Ordering::Greater }
            }),
            (Some(_), None) if copied_ended => Ordering::Less,
            (None, Some(_)) if listed_ended => Ordering::Greater,
            _ => return,
        };
        match order {
            Ordering::Less => found.unknown.extend(listed.pop_front()),
            Ordering::Greater => found.absent.extend(copied.pop_front().map(|row| row.id)),
            Ordering::Equal => {
                let (issue, row) = (listed.pop_front(), copied.pop_front());
                found.unknown.extend(issue.filter(|issue| row.is_some_and(|row| row.key != issue.key)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Merges in pages of these sizes, as the census does.
    fn merge(listed: &[Listed], copied: &[Copied], pages: (usize, usize)) -> Found {
        let mut found = Found::default();
        let (mut listing, mut copy) = (listed.chunks(pages.0), copied.chunks(pages.1));
        let (mut from_site, mut from_copy) = (VecDeque::new(), VecDeque::new());
        let (mut site_ended, mut copy_ended) = (false, false);
        while !(site_ended && copy_ended && from_site.is_empty() && from_copy.is_empty()) {
            if from_site.is_empty() && !site_ended {
                match listing.next() {
                    Some(page) => from_site.extend(page.iter().cloned()),
                    None => site_ended = true,
                }
            }
            if from_copy.is_empty() && !copy_ended {
                match copy.next() {
                    Some(page) => from_copy.extend(page.iter().cloned()),
                    None => copy_ended = true,
                }
            }
            advance(&mut from_site, site_ended, &mut from_copy, copy_ended, &mut found);
        }
        found
    }

    fn listed(number: i64, id: i64, project: &str) -> Listed {
        Listed { number, id, key: format!("{project}-{number}") }
    }

    fn copied(number: i64, id: i64, project: &str) -> Copied {
        Copied { number, id, key: format!("{project}-{number}") }
    }

    proptest! {
        /// The model is sets: of ids by their numbers.
        #[test]
        fn the_merge_finds_what_sets_would(
            site in prop::collection::btree_map(1..60_i64, 100..130_i64, 0..40),
            copy in prop::collection::btree_map(1..60_i64, 100..130_i64, 0..40),
            pages in (1..9_usize, 1..9_usize),
        ) {
            let from_site: Vec<_> = site.iter().map(|(number, id)| listed(*number, *id, "PAY")).collect();
            let from_copy: Vec<_> = copy.iter().map(|(number, id)| copied(*number, *id, "PAY")).collect();
            let found = merge(&from_site, &from_copy, pages);
            let absent: BTreeSet<_> = copy.iter().filter(|(n, id)| site.get(n) != Some(id)).map(|(_, id)| *id).collect();
            let unknown: BTreeSet<_> = site.iter().filter(|(n, id)| copy.get(n) != Some(id)).map(|(n, _)| *n).collect();
            prop_assert_eq!(found.absent.iter().copied().collect::<BTreeSet<_>>(), absent);
            prop_assert_eq!(found.unknown.iter().map(|issue| issue.number).collect::<BTreeSet<_>>(), unknown);
        }

        /// A listing that is shuffled and repeats itself hides nothing: whatever it shows and the copy lacks is told, and
        /// what is told as absent besides is only looked for in vain.
        #[test]
        fn a_listing_out_of_order_hides_nothing(
            site in prop::collection::btree_set(1..60_i64, 0..40),
            copy in prop::collection::btree_set(1..60_i64, 0..40),
            order in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
            pages in (1..9_usize, 1..9_usize),
        ) {
            let site: Vec<i64> = site.into_iter().collect();
            let mut from_site: Vec<_> = site.iter().map(|number| listed(*number, *number, "PAY")).collect();
            for pick in order.iter().filter(|_| !site.is_empty()) {
                let at = pick.index(from_site.len());
                let issue = from_site[at].clone();
                from_site.push(issue);
            }
            let from_copy: Vec<_> = copy.iter().map(|number| copied(*number, *number, "PAY")).collect();
            let found = merge(&from_site, &from_copy, pages);
            let listed: BTreeSet<i64> = site.into_iter().collect();
            let told: BTreeSet<i64> = found.unknown.iter().map(|issue| issue.id).collect();
            let absent: BTreeSet<i64> = found.absent.iter().copied().collect();
            prop_assert!(listed.difference(&copy).all(|id| told.contains(id)));
            prop_assert!(copy.difference(&listed).all(|id| absent.contains(id)));
            prop_assert!(absent.intersection(&listed).all(|id| told.contains(id)), "absent and listed is told as both");
        }
    }

    #[test]
    fn a_renamed_project_is_told_issue_by_issue() {
        let site = [listed(1, 101, "NEW"), listed(2, 102, "NEW")];
        let found = merge(&site, &[copied(1, 101, "OLD"), copied(2, 102, "OLD")], (1, 2));
        assert_eq!(found, Found { absent: Vec::new(), unknown: site.to_vec() });
    }

    #[test]
    fn a_key_that_another_issue_has_now_tells_of_both() {
        let found = merge(&[listed(1, 202, "PAY")], &[copied(1, 101, "PAY")], (1, 1));
        assert_eq!(found, Found { absent: vec![101], unknown: vec![listed(1, 202, "PAY")] });
    }
}
