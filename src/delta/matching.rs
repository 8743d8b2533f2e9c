//! What two byte strings have in common, in order, without looking at more of them than promises to pay.

use super::probe::{met, seem_related};

/// Compared at once, first in large steps and then in small ones.
const STEP: usize = 256;
const SMALL_STEP: usize = 16;
/// Bytes by which a common part is found: one that is twice as long is never missed.
const KEY: usize = 16;
/// Of each [`KEY`] bytes of the old one so many begin a key, and of so many bytes of the new one the first: wherever a part is in
/// both, the two meet once in [`KEY`] bytes, and neither is looked at byte for byte. In wide windows that would take too
/// much memory.
const STRIDE: usize = 4;
const WIDE_STRIDE: usize = 1;
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

/// Whether [`matches`] would find nothing of `new` in any of `old`, as far as that is told by a sample and no longer look would be taken.
/// `credit` is that of the one that earns most. No part of `long` bytes in the first windows is passed over.
pub(super) fn is_surely_unrelated<'o>(
    old: impl Iterator<Item = &'o [u8]> + Clone,
    new: &[u8],
    credit: usize,
    long: usize,
) -> bool {
    let is_probed = credit < new.len() / RELATED;
    let looks_further = credit + new.len() / SAMPLE >= WINDOW * WIDER;
    let apart = long.saturating_sub(met(0));
    let old = old.map(first_window);
    is_probed && !looks_further && !seem_related(old, first_window(new), apart)
}

fn first_window(of: &[u8]) -> &[u8] {
    of.get(..WINDOW).unwrap_or(of)
}

/// The first part of `new` that is in `old`, looked for in windows of growing width. In those that a probe takes for unrelated it
/// is not looked for, if there is one.
fn next_match(old: &[u8], new: &[u8], budget: &mut usize, probed: Option<usize>) -> Option<Match> {
    let longest = old.len().max(new.len());
    let mut width = WINDOW;
    while old.len() >= KEY && new.len() >= KEY && width.min(new.len()) <= *budget {
        let [old_window, new_window] = [old, new].map(|of| of.get(..width).unwrap_or(of));
        if probed.is_some_and(|apart| !seem_related([old_window].into_iter(), new_window, apart)) {
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
    let known = old.get(..width).unwrap_or(old);
    let (mut few, mut many) = ([0; FEW_SLOTS], Vec::new());
    let keys = Keys::new(known, &mut few, &mut many);
    let window = new.get(..width).unwrap_or(new);
    let mut next_at = 0;
    let mut next = || {
        loop {
            let (at, from) = keys.next(window, next_at)?;
            let found = extended(old, new, at, from);
            if found.len >= min_len {
                next_at = at + keys.stride;
                return Some((at, found));
            }
            let end = (found.at + found.len).next_multiple_of(keys.stride);
            next_at = end.max(at + keys.stride);
        }
    };
    let Some((first_at, first)) = next() else {
        *budget = budget.saturating_sub(window.len());
        return None;
    };
    *budget = budget.saturating_sub(first_at + width / KEY);
    if first.len >= LONG_MATCH {
        return Some(first);
    }
    let near = std::iter::from_fn(next).take_while(|(at, _)| *at < first_at + KEY);
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

/// Where the keys of a byte string are; the first of equal ones.
struct Keys<'o> {
    bytes: &'o [u8],
    /// Of each [`KEY`] bytes so many begin one.
    stride: usize,
    /// The key's number plus 1, and above that as much of its hash as there is room for; 0 is none.
    slots: &'o [u32],
    /// The bits of a slot that are the number.
    numbers: u32,
    shift: u32,
}

/// So many slots need no memory of their own.
const FEW_SLOTS: usize = 512;

impl<'o> Keys<'o> {
    /// `few` and `many` are room for the slots.
    fn new(bytes: &'o [u8], few: &'o mut [u32; FEW_SLOTS], many: &'o mut Vec<u32>) -> Self {
        let stride = if bytes.len() <= WINDOW {
            STRIDE
        } else {
            WIDE_STRIDE
        };
        let count = bytes.len() / KEY * stride;
        let bits = (count * 4).max(2).next_power_of_two().ilog2().min(31);
        let slots = if let Some(few) = few.get_mut(..1 << bits) {
            few
        } else {
            many.resize(1 << bits, 0);
            many
        };
        let (numbers, shift) = ((1 << bits) - 1, u64::BITS - bits);
        let mut number = 0;
        for at in (0..bytes.len()).step_by(KEY) {
            for at in at..at + stride {
                let Some(key) = bytes.get(at..).and_then(|bytes| bytes.first_chunk()) else {
                    break;
                };
                number += 1;
                let hash = hash(key);
                if let Some(slot) = slots.get_mut(slot(hash, shift))
                    && *slot == 0
                {
                    *slot = number | (low(hash) & !numbers);
                }
            }
        }
        Self {
            bytes,
            stride,
            slots,
            numbers,
            shift,
        }
    }

    /// The first key of `window` from `at` on that is known, one for every `stride` bytes, and where it is.
    fn next(&self, window: &[u8], mut at: usize) -> Option<(usize, usize)> {
        let mut rest = window.get(at..)?;
        while let Some(key) = rest.first_chunk() {
            if let Some(from) = self.get(key) {
                return Some((at, from));
            }
            at += self.stride;
            rest = rest.get(self.stride..)?;
        }
        None
    }

    fn get(&self, key: &[u8; KEY]) -> Option<usize> {
        let hash = hash(key);
        let found = *self.slots.get(slot(hash, self.shift))?;
        if (found ^ low(hash)) & !self.numbers != 0 {
            return None;
        }
        let number = usize::try_from((found & self.numbers).checked_sub(1)?).ok()?;
        let at = number / self.stride * KEY + number % self.stride;
        let there = self.bytes.get(at..)?.first_chunk::<KEY>()?;
        (key == there).then_some(at)
    }
}

fn hash(key: &[u8; KEY]) -> u64 {
    let ([front, back], _) = key.as_chunks() else {
        return 0;
    };
    let mixed = u64::from_le_bytes(*front) ^ u64::from_le_bytes(*back).rotate_left(29);
    // That of a usual multiplicative hash; nothing depends on which it is.
    mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

fn slot(hash: u64, shift: u32) -> usize {
    usize::try_from(hash >> shift).unwrap_or_default()
}

fn low(hash: u64) -> u32 {
    u32::try_from(hash & u64::from(u32::MAX)).unwrap_or_default()
}
