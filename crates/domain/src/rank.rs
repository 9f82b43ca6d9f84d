//! Ranks of issues on boards: texts like `0|i0000f:` that are compared by their bytes, with room between any two of them (jira-facts
//! 6.3). Before the colon stands a whole number to the base 36, behind it a fraction of it; the colon sorts behind digits, so that
//! only a fraction can grow.

const BASE: u64 = 36;
const DIGITS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
/// How far apart ranks are put where there is room.
const STEP: u64 = 8;

/// A rank, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rank {
    bucket: String,
    whole: u64,
    width: usize,
    fraction: Vec<u8>,
}

/// The rank of a new issue with this id: behind all that were ranked before.
pub fn of_new_issue(id: i64) -> String {
    Rank { bucket: "0".into(), whole: id.unsigned_abs() % BASE.pow(6), width: 6, fraction: Vec::new() }
        .text()
        .replacen('|', "|y", 1)
}

/// A rank between two others; behind the first, or before the second, where there is only one of them. `None` where they do not read
/// as ranks, or are not in this order.
pub fn between(before: Option<&str>, after: Option<&str>) -> Option<String> {
    let parsed = |text: Option<&str>| match text {
        Some(text) => Rank::parse(text).map(Some),
        None => Some(None),
    };
    let found = match (parsed(before)?, parsed(after)?) {
        (None, None) => return Some(of_new_issue(0)),
        (Some(low), None) => low.behind(),
        (None, Some(high)) => high.ahead()?,
        (Some(low), Some(high)) => {
            if before >= after {
                return None;
            }
            low.towards(&high)
        }
    };
    let text = found.text();
    let fits = before.is_none_or(|low| low < text.as_str()) && after.is_none_or(|high| text.as_str() < high);
    fits.then_some(text)
}

impl Rank {
    fn parse(text: &str) -> Option<Self> {
        let (bucket, rest) = text.split_once('|')?;
        let (whole, fraction) = rest.split_once(':').unwrap_or((rest, ""));
        let mut value = 0_u64;
        for byte in whole.bytes() {
            value = value.checked_mul(BASE)?.checked_add(u64::from(digit(byte)?))?;
        }
        let mut fraction: Vec<u8> = fraction.bytes().map(digit).collect::<Option<_>>()?;
        while fraction.last() == Some(&0) {
            fraction.pop();
        }
        (!whole.is_empty()).then(|| Self {
            bucket: bucket.to_owned(),
            whole: value,
            width: whole.len(),
            fraction,
        })
    }

    fn text(&self) -> String {
        let mut whole = vec![b'0'; self.width];
        let mut rest = self.whole;
        for place in whole.iter_mut().rev() {
            *place = DIGITS[(rest % BASE) as usize];
            rest /= BASE;
        }
        let letters = whole.into_iter().chain([b':']);
        let fraction = self.fraction.iter().map(|digit| DIGITS[usize::from(*digit) % 36]);
        format!("{}|{}", self.bucket, letters.chain(fraction).map(char::from).collect::<String>())
    }

    fn with(&self, whole: u64, fraction: Vec<u8>) -> Self {
        Self { bucket: self.bucket.clone(), whole, width: self.width, fraction }
    }

    fn behind(&self) -> Self {
        let largest = u32::try_from(self.width).ok().and_then(|width| BASE.checked_pow(width));
        match self.whole.checked_add(STEP).filter(|next| largest.is_some_and(|largest| *next < largest)) {
            Some(next) => self.with(next, Vec::new()),
            None => self.with(self.whole, fraction_between(&self.fraction, None)),
        }
    }

    fn ahead(&self) -> Option<Self> {
        match (self.whole.checked_sub(STEP), self.whole) {
            (Some(before), _) => Some(self.with(before, Vec::new())),
            (None, 0) if self.fraction.is_empty() => None,
            (None, 0) => Some(self.with(0, fraction_between(&[], Some(&self.fraction)))),
            (None, whole) => Some(self.with(whole - 1, Vec::new())),
        }
    }

    fn towards(&self, high: &Self) -> Self {
        if (&self.bucket, self.width) == (&high.bucket, high.width) {
            if high.whole - self.whole > 1 {
                return self.with(self.whole + (high.whole - self.whole) / 2, Vec::new());
            }
            if high.whole == self.whole {
                return self.with(self.whole, fraction_between(&self.fraction, Some(&high.fraction)));
            }
        }
        self.with(self.whole, fraction_between(&self.fraction, None))
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'z' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// A fraction between two, neither of which ends with a zero; the second is larger, or else one.
fn fraction_between(low: &[u8], high: Option<&[u8]>) -> Vec<u8> {
    let mut found = Vec::new();
    let mut high = high;
    for place in 0..=low.len().max(high.map_or(0, <[u8]>::len)) {
        let below = low.get(place).copied().unwrap_or(0);
        let above = high.map_or(36, |high| high.get(place).copied().unwrap_or(0));
        if above > below + 1 {
            found.push(below + (above - below) / 2);
            return found;
        }
        found.push(below);
        if above > below {
            high = None;
        }
    }
    found.push(18);
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn there_is_room_between_neighbours() {
        assert_eq!(between(Some("0|i0000f:"), Some("0|i0000h:")).unwrap(), "0|i0000g:");
        assert_eq!(between(Some("0|i0000f:"), Some("0|i0000g:")).unwrap(), "0|i0000f:i");
        assert_eq!(between(Some("0|i0000f:"), Some("0|i0000f:1")).unwrap(), "0|i0000f:0i");
        assert_eq!(between(Some("0|i0000z:"), None).unwrap(), "0|i00017:");
        assert_eq!(between(None, Some("0|i00017:")).unwrap(), "0|i0000z:");
        assert_eq!(between(Some("0|b:"), Some("0|a:")), None);
        assert_eq!(between(Some("nonsense"), None), None);
    }

    #[test]
    fn new_issues_come_behind_all_others_in_the_order_of_their_ids() {
        assert!(of_new_issue(10_000).as_str() > "0|i00zzzz:");
        assert!(of_new_issue(10_001) > of_new_issue(10_000));
        assert_eq!(of_new_issue(36), "0|y000010:");
    }

    proptest! {
        /// Whoever drags issues about at random always finds room.
        #[test]
        fn any_number_of_issues_fits_between_two(places in proptest::collection::vec(any::<u8>(), 1..200)) {
            let mut ranks = vec!["0|i0000f:".to_owned(), "0|i0000g:".to_owned()];
            for place in places {
                let at = usize::from(place) % (ranks.len() - 1);
                let found = between(Some(&ranks[at]), Some(&ranks[at + 1])).unwrap();
                ranks.insert(at + 1, found);
            }
            prop_assert!(ranks.is_sorted_by(|one, next| one < next), "{ranks:?}");
        }
    }
}
