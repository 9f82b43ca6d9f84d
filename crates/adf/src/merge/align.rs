//! What two sequences have in common.

/// Beyond this many pairs only what is common at both ends is found, so that no text takes more than linear time.
const MOST_PAIRS: usize = 250_000;

/// For each member of `new` the member of `old` that it is: a longest common subsequence.
pub(super) fn common(old: &[u32], new: &[u32]) -> Vec<Option<usize>> {
    let mut found = vec![None; new.len()];
    let start = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let shorter = old.len().min(new.len());
    let pairs = old.iter().rev().zip(new.iter().rev());
    let end = pairs.take_while(|(old, new)| old == new).count().min(shorter - start);
    for (at, found) in found.iter_mut().enumerate().take(start) {
        *found = Some(at);
    }
    for back in 1..=end {
        found[new.len() - back] = Some(old.len() - back);
    }
    let (old_middle, new_middle) = (&old[start..old.len() - end], &new[start..new.len() - end]);
    if old_middle.len().saturating_mul(new_middle.len()) <= MOST_PAIRS {
        for (old_at, new_at) in longest(old_middle, new_middle) {
            found[start + new_at] = Some(start + old_at);
        }
    }
    found
}

/// The pairs of a longest common subsequence, by the table of its lengths.
fn longest(old: &[u32], new: &[u32]) -> Vec<(usize, usize)> {
    let width = new.len() + 1;
    let mut lengths = vec![0_u32; (old.len() + 1) * width];
    for (i, before) in old.iter().enumerate().rev() {
        for (j, after) in new.iter().enumerate().rev() {
            let at = i * width + j;
            lengths[at] = if before == after {
                lengths[at + width + 1] + 1
            } else {
                lengths[at + width].max(lengths[at + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < old.len() && j < new.len() {
        let at = i * width + j;
        if old[i] == new[j] {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if lengths[at + width] >= lengths[at + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_common_is_found_in_order() {
        assert_eq!(common(&[1, 2, 3], &[1, 2, 3]), [Some(0), Some(1), Some(2)]);
        assert_eq!(common(&[1, 2, 3, 4], &[1, 9, 3, 8, 4]), [Some(0), None, Some(2), None, Some(3)]);
        assert_eq!(common(&[7, 7], &[7]), [Some(0)]);
        assert_eq!(common(&[], &[1]), [None]);
        let (old, new): (Vec<u32>, Vec<u32>) = ((0..2000).collect(), (0..2000).rev().collect());
        assert!(common(&old, &new).iter().flatten().count() <= 1, "given up");
    }
}
