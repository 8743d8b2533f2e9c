//! [`Shared`]: where large values are, by their contents.

use hashlink::LruCache;
use twox_hash::XxHash3_128;

use crate::Encoded;
use crate::db::place::At;

/// A smaller value is not looked for: an alias saves little, and the search costs as much.
const MIN_BYTES: usize = 4 << 10;
/// So many are remembered.
const COUNT_MAX: usize = 64;

/// Where the large values are that were stored whole last.
///
/// The hash only finds them: it can be made to collide on purpose, so the values are compared before one stands for the
/// other.
#[derive(Debug)]
pub(in crate::db) struct Shared {
    by_hash: LruCache<u128, At>,
}

impl Default for Shared {
    fn default() -> Self {
        Self {
            by_hash: LruCache::new(COUNT_MAX),
        }
    }
}

impl Shared {
    /// What a value is found by, if it is large enough.
    pub(in crate::db) fn hash(value: &Encoded) -> Option<u128> {
        (value.bytes().len() >= MIN_BYTES).then(|| XxHash3_128::oneshot(value.bytes()))
    }

    /// Where a value with this hash is.
    pub(in crate::db) fn find(&mut self, hash: u128) -> Option<At> {
        self.by_hash.get(&hash).copied()
    }

    /// Notes where a value is that was stored whole.
    pub(in crate::db) fn note(&mut self, hash: u128, at: At) {
        self.by_hash.insert(hash, at);
    }

    pub(super) fn named(&self, with: &mut dyn FnMut(At)) {
        self.by_hash.iter().for_each(|(_, at)| with(*at));
    }

    pub(super) fn bytes(&self) -> usize {
        self.by_hash.len() * 2 * size_of::<(u128, At)>()
    }
}
