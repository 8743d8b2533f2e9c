//! What two byte strings have in common, in order, without looking at more of them than promises to pay.

use super::probe::seem_related;

/// Compared at once, first in large steps and then in small ones.
const STEP: usize = 256;
const SMALL_STEP: usize = 16;
/// Bytes by which a common part is found: one that is twice as long is never missed.
const KEY: usize = 16;
/// Values of which less than one byte in so many is common at their ends may be unrelated.
const RELATED: usize = 8;
/// Shorter common parts are chance, or cost as much as they save.
const MIN_MATCH: usize = 24;
/// Longer ones are no text that occurs again and again, as the names of fields do.
const LONG_MATCH: usize = 256;
/// Such a text earns no longer look.
const NO_CREDIT: usize = 64;
/// How far ahead a common part is first looked for; if there is none, further, by this factor.
const WINDOW: usize = 512;
const WIDER: usize = 8;
/// Unrelated values are given up after one byte in so many, and after so many bytes, so that trying costs little
/// against storing them.
const SAMPLE: usize = 16;
const MAX_SAMPLE: usize = 16 << 10;

/// A part that two byte strings have in common.
#[derive(Clone, Copy, Debug)]
pub(super) struct Match {
    /// Where it is in the new one.
    pub(super) at: usize,
    /// Where it is in the old one.
    pub(super) from: usize,
    pub(super) len: usize,
}

/// How many bytes `a` and `b` have in common at their front.
pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let mut same = 0;
    for step in [STEP, SMALL_STEP, 1] {
        let (a, b) = (
            a.get(same..).unwrap_or_default(),
            b.get(same..).unwrap_or_default(),
        );
        let steps = a.chunks_exact(step).zip(b.chunks_exact(step));
        same += step * steps.take_while(|(a, b)| a == b).count();
    }
    same
}

/// How many bytes `a` and `b` have in common at their end.
pub(super) fn common_suffix(a: &[u8], b: &[u8]) -> usize {
    let mut same = 0;
    for step in [STEP, SMALL_STEP, 1] {
        let (a, b) = (
            a.get(..a.len() - same).unwrap_or_default(),
            b.get(..b.len() - same).unwrap_or_default(),
        );
        let steps = a.rchunks_exact(step).zip(b.rchunks_exact(step));
        same += step * steps.take_while(|(a, b)| a == b).count();
    }
    same
}

/// Parts of `new` that are in `old` in the same order. `credit` is how many bytes may be looked at besides a
/// sample: values that have much in common elsewhere are worth a longer look. If they have not, parts that are shorter than twice `long` need
/// not be found.
pub(super) fn matches(old: &[u8], new: &[u8], credit: usize, long: usize) -> Vec<Match> {
    let mut budget = credit + MAX_SAMPLE.min(new.len() / SAMPLE) + WINDOW;
    let (mut in_old, mut in_new) = (0, 0);
    let mut found = Vec::new();
    let mut probed = (credit < new.len() / RELATED).then_some(long);
    loop {
        let old = old.get(in_old..).unwrap_or_default();
        let new = new.get(in_new..).unwrap_or_default();
        let Some(next) = next_match(old, new, &mut budget, probed.take()) else {
            return found;
        };
        let Match { at, from, len } = next;
        found.push(Match {
            at: in_new + at,
            from: in_old + from,
            len,
        });
        in_new += at + len;
        in_old += from + len;
        budget += len.saturating_sub(NO_CREDIT);
    }
}

/// The first part of `new` that is in `old`, looked for in windows of growing width. In those that a probe takes for unrelated it
/// is not looked for, if there is one.
fn next_match(old: &[u8], new: &[u8], budget: &mut usize, probed: Option<usize>) -> Option<Match> {
    let longest = old.len().max(new.len());
    let mut width = WINDOW;
    while old.len() >= KEY && new.len() >= KEY && width.min(new.len()) <= *budget {
        let [old_window, new_window] = [old, new].map(|of| of.get(..width).unwrap_or(of));
        if probed.is_some_and(|apart| !seem_related(old_window, new_window, apart)) {
            *budget = budget.saturating_sub(new_window.len());
        } else if let Some(found) = first_match(old, new, width, MIN_MATCH, budget) {
            // If an element is gone, its fields' names are found in the next one's place, and again and again. What
            // is really the next part is longer, and not far.
            let wider = width * WIDER;
            let longer = (found.len < LONG_MATCH && wider <= *budget)
                .then(|| first_match(old, new, wider, LONG_MATCH, budget));
            return longer.flatten().or(Some(found));
        }
        if width >= longest {
            return None;
        }
        width *= WIDER;
    }
    None
}

/// The first part of `new` of at least this length that is in `old`, both looked at up to `width`.
///
/// A text that occurs in `old` again and again may be met first at an occurrence that happens
/// to lie at a multiple of [`KEY`]. All of them are met within so many bytes, and the first one loses least.
fn first_match(
    old: &[u8],
    new: &[u8],
    width: usize,
    min_len: usize,
    budget: &mut usize,
) -> Option<Match> {
    let keys = Keys::new(old.get(..width).unwrap_or(old));
    let window = new.get(..width).unwrap_or(new);
    let mut known_to = 0;
    let mut candidates = window.windows(KEY).enumerate().filter_map(|(at, key)| {
        let from = keys.get(key).filter(|_| at >= known_to)?;
        let found = extended(old, new, at, from);
        if found.len < min_len {
            known_to = found.at + found.len;
            return None;
        }
        Some((at, found))
    });
    let Some((first_at, first)) = candidates.next() else {
        *budget = budget.saturating_sub(window.len());
        return None;
    };
    *budget = budget.saturating_sub(first_at + width / KEY);
    if first.len >= LONG_MATCH {
        return Some(first);
    }
    let near = candidates.take_while(|(at, _)| *at < first_at + KEY);
    let best = near.map(|(_, found)| found).min_by_key(|found| found.from);
    Some(best.filter(|best| best.from < first.from).unwrap_or(first))
}

/// The part that `new` has in common with `old` around these two bytes.
fn extended(old: &[u8], new: &[u8], at: usize, from: usize) -> Match {
    let (old_before, old_after) = old.split_at_checked(from).unwrap_or_default();
    let (new_before, new_after) = new.split_at_checked(at).unwrap_or_default();
    let before = common_suffix(old_before, new_before);
    Match {
        at: at - before,
        from: from - before,
        len: before + common_prefix(old_after, new_after),
    }
}

/// Where the keys of a byte string are, one for every [`KEY`] bytes; the first of equal ones.
struct Keys<'o> {
    bytes: &'o [u8],
    /// Position in keys plus 1; 0 is none.
    slots: Vec<u32>,
    shift: u32,
}

impl<'o> Keys<'o> {
    fn new(bytes: &'o [u8]) -> Self {
        let bits = (bytes.len() / KEY * 4).max(2).next_power_of_two().ilog2();
        let mut keys = Self {
            bytes,
            slots: vec![0; 1 << bits],
            shift: u64::BITS - bits,
        };
        for (number, key) in (1_u32..).zip(bytes.chunks_exact(KEY)) {
            let slot = keys.slot(key);
            if let Some(slot) = keys.slots.get_mut(slot)
                && *slot == 0
            {
                *slot = number;
            }
        }
        keys
    }

    /// Where `key` is.
    fn get(&self, key: &[u8]) -> Option<usize> {
        let number = self.slots.get(self.slot(key))?.checked_sub(1)?;
        let at = usize::try_from(number).ok()? * KEY;
        let there = self.bytes.get(at..)?.first_chunk::<KEY>()?;
        (key.first_chunk() == Some(there)).then_some(at)
    }

    fn slot(&self, key: &[u8]) -> usize {
        let (Some(front), Some(back)) = (key.first_chunk(), key.last_chunk()) else {
            return 0;
        };
        // The constants of a usual multiplicative hash; nothing depends on which they are.
        let mixed = u64::from_le_bytes(*front)
            .wrapping_mul(0x9E37_79B9_7F4A_7C15)
            .rotate_left(29)
            ^ u64::from_le_bytes(*back);
        let hash = mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> self.shift;
        usize::try_from(hash).unwrap_or_default()
    }
}
