//! How much a walk asks for at a time: a hundred issues where they have a usual size, and fewer where they are large.

use super::memory::PageMemory;
use crate::ports::PageSize;

/// Issues of a page.
pub(super) const USUAL: u32 = 100;
/// What the first page of a walk may have, in bytes.
const FIRST: u64 = 2 << 20;
/// What any page may have, in bytes, whatever the one before had.
const LEAST: u64 = 256 << 10;
/// By how much fewer issues are asked for where they were too large.
const SHRINK: u32 = 4;

/// What a walk asks for next, as far as its pages have shown.
pub(super) struct Appetite {
    most: PageSize,
    largest: u64,
}

impl Appetite {
    pub(super) fn new(memory: &PageMemory) -> Self {
        let largest = memory.largest_page();
        Self { most: PageSize { issues: USUAL, bytes: FIRST.min(largest) }, largest }
    }

    pub(super) fn most(&self) -> PageSize {
        self.most
    }

    /// A page came, and had so many bytes: the next one may have half as much again. More issues are asked for where they would
    /// take half of what is allowed.
    pub(super) fn had(&mut self, bytes: u64) {
        let (mut issues, mut expected) = (self.most.issues, bytes + bytes / 2);
        if issues < USUAL && bytes <= self.largest / 4 {
            issues = (issues * 2).min(USUAL);
            expected = bytes * 3;
        }
        self.most = PageSize { issues, bytes: expected.clamp(LEAST.min(self.largest), self.largest) };
    }

    /// The page would have had more; answers whether there is something else to ask for.
    pub(super) fn ask_for_less(&mut self) -> bool {
        let PageSize { issues, bytes } = self.most;
        self.most = if bytes < self.largest {
            // It may just be larger than those before.
            PageSize { issues, bytes: self.largest }
        } else if issues > 1 {
            PageSize { issues: (issues / SHRINK).max(1), bytes }
        } else if bytes < PageSize::LARGEST_ISSUE {
            PageSize { issues, bytes: PageSize::LARGEST_ISSUE }
        } else {
            return false;
        };
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// What is asked for until a page of issues of that size came.
    fn asked(appetite: &mut Appetite, issue: u64) -> Vec<(u32, u64)> {
        let mut asked = Vec::new();
        loop {
            let most = appetite.most();
            asked.push((most.issues, most.bytes / 1024));
            let page = u64::from(most.issues) * issue;
            if page <= most.bytes {
                appetite.had(page);
                return asked;
            }
            assert!(appetite.ask_for_less(), "{asked:?}");
        }
    }

    #[test]
    fn usual_pages_have_a_hundred_issues_and_room_for_half_as_much_again() {
        let mut appetite = Appetite::new(&PageMemory::new(48 * MIB));
        assert_eq!(asked(&mut appetite, 13 << 10), [(100, 2_048)]);
        assert_eq!(asked(&mut appetite, 13 << 10), [(100, 1_950)]);
        assert_eq!(asked(&mut appetite, 25 << 10), [(100, 1_950), (100, 4_096)]);
    }

    #[test]
    fn large_issues_are_asked_for_a_few_at_a_time_and_small_ones_by_the_hundred_again() {
        let mut appetite = Appetite::new(&PageMemory::new(48 * MIB));
        assert_eq!(asked(&mut appetite, 300 << 10), [(100, 2_048), (100, 4_096), (25, 4_096), (6, 4_096)]);
        assert_eq!(asked(&mut appetite, 300 << 10), [(6, 2_700)]);
        let monster = asked(&mut appetite, 5 * MIB);
        assert_eq!(monster, [(6, 2_700), (6, 4_096), (1, 4_096), (1, 65_536)], "it is read alone");
        let after: Vec<u32> = (0..8).map(|_| asked(&mut appetite, 4 << 10).last().unwrap().0).collect();
        assert_eq!(after, [1, 2, 4, 8, 16, 32, 64, 100]);
    }

    #[test]
    fn an_issue_beyond_all_measure_is_not_asked_for_for_ever() {
        let mut appetite = Appetite::new(&PageMemory::new(48 * MIB));
        let times = (0..10).take_while(|_| appetite.ask_for_less()).count();
        assert_eq!(times, 5);
        assert_eq!(appetite.most(), PageSize { issues: 1, bytes: PageSize::LARGEST_ISSUE });
        assert!(appetite.most().is_last());
    }
}
