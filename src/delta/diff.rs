//! [`diff()`]: the operations that make a value of an earlier one.

use std::ops::Range;

use bytes::Bytes;

use super::matching::{common_prefix, common_suffix, is_surely_unrelated, matches};
use super::{DELTA_OVERHEAD, Op, SOURCE_OVERHEAD, encoded_len, sources_of, wide};

/// A shorter copy from the base takes as much as its bytes.
const MIN_COPY: usize = 12;
/// In values that seem unrelated, a copy from the base is surely found if it is twice as long.
const LONG: usize = 64;
/// A shorter copy from a source is not worth the reading of the source.
const MIN_SOURCE: usize = 64;
/// A delta must save at least one byte in so many, or the longer way to the value is not worth it.
const MIN_GAIN: usize = 8;

/// The operations that make `new` of `base` and of parts of `sources`, if they take less than `new` does by an eighth.
///
/// What both have in common is found at about the speed of memory if it is in the same order in both; values that have
/// nothing in common are given up after a sample.
pub fn diff(base: &[u8], new: &Bytes, sources: &[&[u8]]) -> Option<Vec<Op>> {
    if wide(new.len()) <= DELTA_OVERHEAD {
        return None;
    }
    let ends = Ends::of(base, new);
    // Without sources that is found out where copies are looked for.
    if !sources.is_empty() {
        let old = std::iter::once(ends.middle(base)).chain(sources.iter().copied());
        let credit = ends.prefix + ends.suffix;
        if is_surely_unrelated(old, ends.middle(new), credit, MIN_SOURCE) {
            return None;
        }
    }
    let mut copies = copies(base, new, ends).peekable();
    if copies.peek().is_none() && sources.is_empty() {
        return None;
    }
    let mut ops = Vec::new();
    let mut done = 0;
    for (at, from, len) in copies {
        literal(&mut ops, new, done..at, sources);
        ops.push(Op::CopyBase {
            offset: wide(from),
            len: wide(len),
        });
        done = at + len;
    }
    literal(&mut ops, new, done..new.len(), sources);
    let used = wide(sources_of(&ops).len());
    let takes = encoded_len(&ops) + DELTA_OVERHEAD + used * SOURCE_OVERHEAD;
    (takes < wide(new.len() - new.len() / MIN_GAIN)).then_some(ops)
}

/// How many bytes two byte strings have in common at their front, and at the end of what is behind that.
#[derive(Clone, Copy)]
struct Ends {
    prefix: usize,
    suffix: usize,
}

impl Ends {
    fn of(base: &[u8], new: &[u8]) -> Self {
        let prefix = common_prefix(base, new);
        let rest = |bytes| <[u8]>::get(bytes, prefix..).unwrap_or_default();
        let suffix = common_suffix(rest(base), rest(new));
        Self { prefix, suffix }
    }

    /// What lies between.
    fn middle<'b>(&self, bytes: &'b [u8]) -> &'b [u8] {
        let middle = self.prefix..bytes.len().saturating_sub(self.suffix);
        bytes.get(middle).unwrap_or_default()
    }
}

/// What `new` has of `base`: where in `new`, where in `base`, how long.
fn copies(base: &[u8], new: &[u8], ends: Ends) -> impl Iterator<Item = (usize, usize, usize)> {
    let Ends { prefix, mut suffix } = ends;
    let mut between = matches(ends.middle(base), ends.middle(new), prefix + suffix, LONG);
    // The new last element of a list may end as the old one does. That end is the old one's, or the list would not
    // have grown behind what it was.
    if let Some(last) = between.last_mut() {
        let end = base.get(prefix + last.from + last.len..);
        let end = end.filter(|end| end.len() == suffix);
        let behind = new.get(prefix + last.at + last.len..);
        if let (Some(end), Some(behind)) = (end, behind)
            && behind.starts_with(end)
        {
            last.len += suffix;
            suffix = 0;
        }
    }
    let between = between
        .into_iter()
        .map(move |found| (prefix + found.at, prefix + found.from, found.len));
    let last = (new.len() - suffix, base.len() - suffix, suffix);
    std::iter::once((0, 0, prefix))
        .chain(between)
        .chain([last])
        .filter(|(_, _, len)| *len >= MIN_COPY)
}

/// A range of the new value, and the source that it is copied from and where in it.
type Piece = (Range<usize>, Option<(u32, usize)>);

/// Appends what makes `new[part]`: copies from the sources where they have it, literals elsewhere.
pub(super) fn literal(ops: &mut Vec<Op>, new: &Bytes, part: Range<usize>, sources: &[&[u8]]) {
    let mut pieces: Vec<Piece> = vec![(part, None)];
    for (number, source) in (0_u32..).zip(sources) {
        let mut finer = Vec::with_capacity(pieces.len());
        for (piece, copied) in pieces {
            if copied.is_some() || piece.len() < MIN_SOURCE || source.len() < MIN_SOURCE {
                finer.push((piece, copied));
                continue;
            }
            let mut done = piece.start;
            for found in matches(
                source,
                new.get(piece.clone()).unwrap_or_default(),
                0,
                MIN_SOURCE / 2,
            ) {
                if found.len >= MIN_SOURCE {
                    let at = piece.start + found.at;
                    finer.push((done..at, None));
                    done = at + found.len;
                    finer.push((at..done, Some((number, found.from))));
                }
            }
            finer.push((done..piece.end, None));
        }
        pieces = finer;
    }
    let pieces = pieces.into_iter().filter(|(piece, _)| !piece.is_empty());
    ops.extend(pieces.map(|(piece, copied)| match copied {
        Some((source, from)) => Op::CopySource {
            source,
            offset: wide(from),
            len: wide(piece.len()),
        },
        None => Op::Literal(new.slice(piece)),
    }));
}
