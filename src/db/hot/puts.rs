//! [`Puts`]: which checkpoints of a thread were put a short time ago, so that the index may not have them yet.

use std::collections::VecDeque;

use twox_hash::XxHash3_64;

use crate::log::Lsn;

/// So many are remembered one by one.
const COUNT_MAX: usize = 16;

/// The checkpoints of a thread that were put last, in whichever namespaces. Unlike all else that is kept of a thread this must
/// not be forgotten before they are acknowledged: the index may still have what they replace.
#[derive(Debug)]
pub(in crate::db) struct Puts {
    /// The LSN after the frames of those that are not remembered.
    before: Lsn,
    /// A hash of the id of each other one, and the LSN after its frame. Those with the same hash are taken for the same.
    last: VecDeque<(u64, Lsn)>,
}

impl Puts {
    /// Some that were put before this LSN.
    pub(super) fn before(end: Lsn) -> Self {
        Self {
            before: end,
            last: VecDeque::new(),
        }
    }

    /// Notes that this one was put, in a frame before `end`.
    pub(in crate::db) fn note(&mut self, id: &str, end: Lsn) {
        if self.last.len() >= COUNT_MAX
            && let Some((_, end)) = self.last.pop_front()
        {
            self.before = self.before.max(end);
        }
        self.last.push_back((hash(id), end));
    }

    /// The index knows this one as it was put last when all before this LSN is acknowledged, if not earlier.
    pub(in crate::db) fn end_of(&self, id: &str) -> Lsn {
        let hash = hash(id);
        let mut same = self.last.iter().rev().filter(|(known, _)| *known == hash);
        same.next().map_or(self.before, |(_, end)| *end)
    }

    /// The LSN after the frames of all.
    pub(super) fn end(&self) -> Lsn {
        self.last.back().map_or(self.before, |(_, end)| *end)
    }

    /// About how much memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.last.capacity() * size_of::<(u64, Lsn)>()
    }
}

fn hash(id: &str) -> u64 {
    XxHash3_64::oneshot(id.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_that_is_not_remembered_is_taken_to_be_among_those_before() {
        let mut puts = Puts::before(Lsn::new(5));
        for lsn in 0..=COUNT_MAX as u64 {
            puts.note(&lsn.to_string(), Lsn::new(10 + lsn));
        }
        puts.note("3", Lsn::new(100));
        let found = ["0", "1", "2", "3", "none"].map(|id| puts.end_of(id).get());
        assert_eq!(found, [11, 11, 12, 100, 11]);
        assert_eq!(puts.end(), Lsn::new(100));
        assert_eq!(Puts::before(Lsn::new(5)).end_of("0"), Lsn::new(5));
    }
}
