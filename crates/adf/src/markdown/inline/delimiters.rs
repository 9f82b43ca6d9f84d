//! Pairing the delimiters of emphasis, by CommonMark's rules.

use super::Item;
use crate::style::Format;

/// A run of `*`, `_` or `~`.
pub(super) struct Run {
    pub(super) sign: char,
    /// As it stands in the text.
    length: usize,
    /// How many of it are not part of a pair.
    pub(super) left: usize,
    opens: bool,
    closes: bool,
    pub(super) begun: Vec<Format>,
    pub(super) ended: Vec<Format>,
}

impl Run {
    /// A run between two characters; none is as good as a blank.
    pub(super) fn new(sign: char, length: usize, before: Option<char>, after: Option<char>) -> Self {
        let (before, after) = (before.unwrap_or(' '), after.unwrap_or(' '));
        let is_sign = |c: char| !c.is_alphanumeric() && !c.is_whitespace();
        let is_left =
            !after.is_whitespace() && (!is_sign(after) || before.is_whitespace() || is_sign(before));
        let is_right =
            !before.is_whitespace() && (!is_sign(before) || after.is_whitespace() || is_sign(after));
        let (opens, closes) = match sign {
            '_' => (is_left && (!is_right || is_sign(before)), is_right && (!is_left || is_sign(after))),
            _ => (is_left, is_right),
        };
        Self { sign, length, left: length, opens, closes, begun: Vec::new(), ended: Vec::new() }
    }
}

/// Pairs runs. `openers` are the items that may still open; what lies above a pair's opener can pair no more.
pub(super) fn pair_all(items: &mut [Item]) {
    let mut openers: Vec<usize> = Vec::new();
    // For each sign, whether the closer opens as well, and its length by three: no opener stands below this.
    let mut bounds = [[[0_usize; 3]; 2]; 3];
    for index in 0..items.len() {
        while let Some((sign, opens, length)) = closer(&items[index]) {
            let sign_index = match sign {
                '*' => 0,
                '_' => 1,
                _ => 2,
            };
            let bound = &mut bounds[sign_index][usize::from(opens)][length % 3];
            let lowest = openers.partition_point(|opener| *opener < *bound);
            let found = (lowest..openers.len()).rev().find(
                |at| matches!(&items[openers[*at]], Item::Run(run) if may_pair(run, sign, opens, length)),
            );
            let Some(found) = found else {
                *bound = index;
                break;
            };
            openers.truncate(found + 1);
            pair(items, openers[found], index);
            if matches!(&items[openers[found]], Item::Run(run) if run.left == 0) {
                openers.pop();
            }
        }
        if matches!(&items[index], Item::Run(run) if run.opens && run.left > 0) {
            openers.push(index);
        }
    }
}

fn closer(item: &Item) -> Option<(char, bool, usize)> {
    match item {
        Item::Run(run) if run.closes && run.left > 0 => Some((run.sign, run.opens, run.length)),
        _ => None,
    }
}

fn may_pair(opener: &Run, sign: char, closer_opens: bool, closer_length: usize) -> bool {
    // CommonMark's rule of three, for runs that could as well be the other of the two.
    let ambiguous = closer_opens || opener.closes;
    let of_three = (opener.length + closer_length).is_multiple_of(3)
        && !(opener.length.is_multiple_of(3) && closer_length.is_multiple_of(3));
    opener.sign == sign && opener.left > 0 && !(ambiguous && of_three && sign != '~')
}

fn pair(items: &mut [Item], opener: usize, closer: usize) {
    let left = |item: &Item| if let Item::Run(run) = item { (run.sign, run.left) } else { (' ', 0) };
    let (sign, opener_left) = left(&items[opener]);
    let (_, closer_left) = left(&items[closer]);
    let (format, used) = match sign {
        '~' => (Format::Strike, 2),
        _ if opener_left >= 2 && closer_left >= 2 => (Format::Strong, 2),
        _ => (Format::Em, 1),
    };
    if let Item::Run(run) = &mut items[opener] {
        run.left -= used;
        run.begun.push(format);
    }
    if let Item::Run(run) = &mut items[closer] {
        run.left -= used;
        run.ended.push(format);
    }
}
