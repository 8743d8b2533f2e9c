//! What the bytes of a key begin with, as numbers, made without making all of them.

use super::bytes::{LABEL, NO_LABEL, has_nul, kind};
use crate::index::Key;
use crate::index::tables::Rank;

impl Key {
    /// What its bytes begin with.
    pub(crate) fn rank(&self) -> Rank {
        let mut front = Front::default();
        match self {
            Self::Thread(name) => {
                front.put(&[kind::THREAD]);
                front.put_text(name);
            }
            Self::Frozen(branch) => front.put_number(kind::FROZEN, *branch),
            Self::Dropped(branch) => front.put_number(kind::DROPPED, *branch),
            Self::Folding(branch) => front.put_number(kind::FOLDING, *branch),
            Self::Heir(branch, heir) => {
                front.put_number(kind::HEIR, *branch);
                front.put(&heir.to_be_bytes());
            }
            Self::Checkpoint(branch, namespace, id) => {
                front.put_number(kind::CHECKPOINT, *branch);
                front.put_text(namespace);
                front.put_text(id);
            }
            Self::Writes(branch, namespace, checkpoint, task) => {
                front.put_number(kind::WRITES, *branch);
                front.put_text(namespace);
                front.put_text(checkpoint);
                front.put_text(task);
            }
            Self::Tag(branch, namespace, tag) => {
                front.put_number(kind::TAG, *branch);
                front.put_text(namespace);
                front.put_text(tag);
            }
            Self::Item(namespace, key) => {
                front.put(&[kind::ITEM]);
                front.put_labels(namespace);
                front.put_text(key);
            }
            Self::Field(namespace, path, scalar, key) => {
                front.put(&[kind::FIELD]);
                front.put_labels(namespace);
                front.put_text(path);
                front.put_bytes(&scalar.0);
                front.put_text(key);
            }
            Self::Partial(namespace, ..) => {
                front.put(&[kind::PARTIAL]);
                front.put_labels(namespace);
            }
            Self::Expiry(at, ..) => front.put_number(kind::EXPIRY, *at),
            Self::Segment(base) => front.put_number(kind::SEGMENT, *base),
            Self::Refused(lsn) => front.put_number(kind::REFUSED, *lsn),
            Self::Content(hash) => {
                front.put(&[kind::CONTENT]);
                front.put(hash);
            }
            Self::Past(namespace, key, _) => {
                front.put(&[kind::PAST]);
                front.put_labels(namespace);
                front.put_text(key);
            }
            Self::History(namespace) => {
                front.put(&[kind::HISTORY]);
                front.put_labels(namespace);
            }
            Self::Recent(namespace, before, _) => {
                front.put(&[kind::RECENT]);
                front.put_labels(namespace);
                front.put(&before.to_be_bytes());
            }
            Self::Posting(word, namespace, first) => {
                front.put(&[kind::POSTING]);
                front.put_text(word);
                front.put_labels(namespace);
                front.put(&first.to_be_bytes());
            }
            Self::ItemWords(item) => front.put_number(kind::ITEM_WORDS, *item),
            Self::WordCount(namespace) => {
                front.put(&[kind::WORD_COUNT]);
                front.put_labels(namespace);
            }
            Self::ItemsHere(namespace) => {
                front.put(&[kind::ITEMS_HERE]);
                front.put_labels(namespace);
            }
        }
        front.rank()
    }
}

/// The first bytes of a key.
#[derive(Default)]
struct Front {
    bytes: [u8; size_of::<Rank>()],
    length: usize,
}

impl Front {
    fn put(&mut self, bytes: &[u8]) {
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        let length = room.len().min(bytes.len());
        if let (Some(room), Some(bytes)) = (room.get_mut(..length), bytes.get(..length)) {
            room.copy_from_slice(bytes);
            self.length += length;
        }
    }

    fn put_number(&mut self, kind: u8, number: u64) {
        self.put(&[kind]);
        self.put(&number.to_be_bytes());
    }

    fn put_labels(&mut self, namespace: &[String]) {
        for label in namespace {
            self.put(&[LABEL]);
            self.put_text(label);
        }
        self.put(&[NO_LABEL]);
    }

    fn put_text(&mut self, text: &str) {
        self.put_bytes(text.as_bytes());
    }

    fn put_bytes(&mut self, text: &[u8]) {
        let room = self.bytes.len() - self.length;
        if room == 0 {
            return;
        }
        let text = text.get(..room).unwrap_or(text);
        if has_nul(text) {
            for (number, part) in text.split(|byte| *byte == 0).enumerate() {
                if number > 0 {
                    self.put(&[0, 0xff]);
                }
                self.put(part);
            }
        } else {
            self.put(text);
        }
        self.put(&[0, 0]);
    }

    fn rank(&self) -> Rank {
        let mut rank = Rank::default();
        let (numbers, _) = self.bytes.as_chunks();
        for (rank, number) in rank.iter_mut().zip(numbers) {
            *rank = u64::from_be_bytes(*number);
        }
        rank
    }
}
