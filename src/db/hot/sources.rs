//! [`Sources`]: the pending writes of a checkpoint, as what its successor may copy from.

use crate::Encoded;
use crate::db::place::At;

/// A shorter write is not worth a copy.
const MIN_BYTES: usize = 64;
/// At most so many, and so many bytes, are kept.
const COUNT_MAX: usize = 64;
const BYTES_MAX: usize = 256 << 10;

/// The writes that were put on a checkpoint. They are stored whole.
#[derive(Debug, Default)]
pub(in crate::db) struct Sources {
    checkpoint: String,
    /// Where each is, and what.
    writes: Vec<(At, Encoded)>,
    bytes: usize,
}

impl Sources {
    /// The writes that were put on this checkpoint.
    pub(in crate::db) fn of(&self, checkpoint: Option<&str>) -> &[(At, Encoded)] {
        if checkpoint == Some(self.checkpoint.as_str()) {
            &self.writes
        } else {
            &[]
        }
    }

    /// Whether a write is worth a copy.
    pub(in crate::db) fn takes(write: &Encoded) -> bool {
        write.bytes().len() >= MIN_BYTES
    }

    /// Goes over to the writes of a checkpoint. What was put on another one before is forgotten.
    pub(in crate::db) fn begin(&mut self, checkpoint: &str) {
        if self.checkpoint != checkpoint {
            self.checkpoint.clear();
            self.checkpoint.push_str(checkpoint);
            self.writes.clear();
            self.bytes = 0;
        }
    }

    /// Notes a write that was put on that checkpoint.
    pub(in crate::db) fn add(&mut self, at: At, value: Encoded) {
        let bytes = value.bytes().len();
        if self.writes.len() < COUNT_MAX && self.bytes + bytes <= BYTES_MAX {
            self.bytes += bytes;
            self.writes.push((at, value));
        }
    }

    pub(super) fn named(&self, with: &mut dyn FnMut(At)) {
        self.writes.iter().for_each(|(at, _)| with(*at));
    }

    /// About how much memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.checkpoint.len() + self.bytes + self.writes.capacity() * size_of::<(At, Encoded)>()
    }
}
