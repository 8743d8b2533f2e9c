//! [`Key`]: what a row of the index is about, and its bytes.
//!
//! The bytes have the order of the keys: a kind, numbers with the high byte first, and texts in which a NUL is
//! `00 ff` and whose end is `00 00`.

use std::sync::Arc;

use crate::index::ContentHash;
use crate::index::tables::Rank;
use crate::item_fields::ScalarKey;

/// A set of checkpoints, writes and tags that belong together: those that a thread has put between two copies.
/// It is made of the LSN of the record that began it.
pub(crate) type Branch = u64;

/// What a row is about. Keys are ordered by kind, then by their parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Key {
    /// A thread, by name.
    Thread(Arc<str>),
    /// A branch that others have inherited.
    Frozen(Branch),
    /// A branch that nobody needs; its rows are to be removed.
    Dropped(Branch),
    /// A frozen branch that fewer need than before; those of its rows that nobody sees are to be removed.
    Folding(Branch),
    /// A frozen branch, and one that has inherited it.
    Heir(Branch, Branch),
    /// Namespace and id.
    Checkpoint(Branch, Arc<str>, Arc<str>),
    /// Namespace, checkpoint id and task.
    Writes(Branch, Arc<str>, Arc<str>, Arc<str>),
    /// Namespace and tag.
    Tag(Branch, Arc<str>, Arc<str>),
    /// Namespace and key.
    Item(Arc<[String]>, Arc<str>),
    /// A field of an item: its namespace, the field's path and value, and its key.
    Field(Arc<[String]>, Arc<str>, ScalarKey, Arc<str>),
    /// An item of which not all fields are here: its namespace, which are, and its key.
    Partial(Arc<[String]>, Arc<[u8]>, Arc<str>),
    /// When an item expires, in microseconds since the Unix epoch, its namespace and its key.
    Expiry(u64, Arc<[String]>, Arc<str>),
    /// A segment of the log, by its base.
    Segment(u64),
    /// Records that were not taken, by the LSN of the first.
    Refused(u64),
    /// A large value, by the hash of its bytes.
    Content(ContentHash),
    /// What an item was: its namespace, its key, and the LSN of the record that it was put with.
    Past(Arc<[String]>, Arc<str>, u64),
    /// A namespace of whose items it is said how long it is kept what they were.
    History(Arc<[String]>),
    /// An item by its namespace, how long before the end of time it was put, in microseconds, and its key.
    Recent(Arc<[String]>, u64, Arc<str>),
    /// A word, and the namespace of items that have it, the numbers of which are not less than this one.
    Posting(Arc<str>, Arc<[String]>, u64),
    /// The words of an item, by its number.
    ItemWords(u64),
    /// How many words a namespace has.
    WordCount(Arc<[String]>),
    /// How many items a namespace has.
    ItemsHere(Arc<[String]>),
}

mod kind {
    pub(super) const THREAD: u8 = 1;
    pub(super) const FROZEN: u8 = 2;
    pub(super) const DROPPED: u8 = 3;
    pub(super) const FOLDING: u8 = 4;
    pub(super) const HEIR: u8 = 5;
    pub(super) const CHECKPOINT: u8 = 6;
    pub(super) const WRITES: u8 = 7;
    pub(super) const TAG: u8 = 8;
    pub(super) const ITEM: u8 = 9;
    pub(super) const FIELD: u8 = 10;
    pub(super) const PARTIAL: u8 = 11;
    pub(super) const EXPIRY: u8 = 12;
    pub(super) const SEGMENT: u8 = 13;
    pub(super) const REFUSED: u8 = 14;
    pub(super) const CONTENT: u8 = 15;
    pub(super) const PAST: u8 = 16;
    pub(super) const HISTORY: u8 = 17;
    pub(super) const RECENT: u8 = 18;
    pub(super) const POSTING: u8 = 19;
    pub(super) const ITEM_WORDS: u8 = 20;
    pub(super) const WORD_COUNT: u8 = 21;
    pub(super) const ITEMS_HERE: u8 = 22;
}

/// Stand before a label, and behind the last one.
const LABEL: u8 = 1;
const NO_LABEL: u8 = 0;

impl Key {
    /// The least of the keys that are greater than those of items.
    pub(crate) fn behind_items() -> Self {
        Self::Field(
            Arc::default(),
            Arc::default(),
            ScalarKey([].into()),
            Arc::default(),
        )
    }

    /// The same key in another branch, if it is in one.
    pub(crate) fn in_branch(&self, branch: Branch) -> Self {
        let mut key = self.clone();
        match &mut key {
            Self::Checkpoint(of, ..) | Self::Writes(of, ..) | Self::Tag(of, ..) => *of = branch,
            Self::Thread(_)
            | Self::Frozen(_)
            | Self::Dropped(_)
            | Self::Folding(_)
            | Self::Heir(..)
            | Self::Item(..)
            | Self::Field(..)
            | Self::Partial(..)
            | Self::Expiry(..)
            | Self::Segment(_)
            | Self::Refused(_)
            | Self::Content(_)
            | Self::Past(..)
            | Self::History(_)
            | Self::Recent(..)
            | Self::Posting(..)
            | Self::ItemWords(_)
            | Self::WordCount(_)
            | Self::ItemsHere(_) => {}
        }
        key
    }

    /// The branch that it is in, if it is in one.
    pub(crate) fn branch(&self) -> Option<Branch> {
        match self {
            Self::Checkpoint(of, ..) | Self::Writes(of, ..) | Self::Tag(of, ..) => Some(*of),
            _ => None,
        }
    }

    /// The length of its texts.
    pub(crate) fn text_len(&self) -> usize {
        match self {
            Self::Thread(name) => name.len(),
            Self::Frozen(_)
            | Self::Dropped(_)
            | Self::Folding(_)
            | Self::Heir(..)
            | Self::Segment(_)
            | Self::Refused(_)
            | Self::Content(_)
            | Self::ItemWords(_)
            | Self::WordCount(_)
            | Self::ItemsHere(_) => 0,
            Self::Checkpoint(_, namespace, name) | Self::Tag(_, namespace, name) => {
                namespace.len() + name.len()
            }
            Self::Writes(_, namespace, id, task) => namespace.len() + id.len() + task.len(),
            Self::Item(namespace, key)
            | Self::Expiry(_, namespace, key)
            | Self::Past(namespace, key, _) => {
                let labels = namespace
                    .iter()
                    .map(|label| size_of::<String>() + label.len());
                labels.sum::<usize>() + key.len()
            }
            // Namespace and path are shared with others.
            Self::Posting(word, ..) => word.len(),
            Self::Field(_, _, scalar, key) => scalar.0.len() + key.len(),
            Self::Partial(_, coverage, key) => coverage.len() + key.len(),
            Self::Recent(_, _, key) => key.len(),
            Self::History(namespace) => namespace.iter().map(String::len).sum(),
        }
    }

    /// The key as bytes.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut to = Vec::with_capacity(96);
        match self {
            Self::Thread(name) => {
                to.push(kind::THREAD);
                put_text(&mut to, name);
            }
            Self::Frozen(branch) => put_number(&mut to, kind::FROZEN, *branch),
            Self::Dropped(branch) => put_number(&mut to, kind::DROPPED, *branch),
            Self::Folding(branch) => put_number(&mut to, kind::FOLDING, *branch),
            Self::Heir(branch, heir) => {
                put_number(&mut to, kind::HEIR, *branch);
                to.extend(heir.to_be_bytes());
            }
            Self::Checkpoint(branch, namespace, id) => {
                put_number(&mut to, kind::CHECKPOINT, *branch);
                put_text(&mut to, namespace);
                put_text(&mut to, id);
            }
            Self::Writes(branch, namespace, checkpoint, task) => {
                put_number(&mut to, kind::WRITES, *branch);
                put_text(&mut to, namespace);
                put_text(&mut to, checkpoint);
                put_text(&mut to, task);
            }
            Self::Tag(branch, namespace, tag) => {
                put_number(&mut to, kind::TAG, *branch);
                put_text(&mut to, namespace);
                put_text(&mut to, tag);
            }
            Self::Item(namespace, key) => {
                to.push(kind::ITEM);
                put_labels(&mut to, namespace);
                put_text(&mut to, key);
            }
            Self::Field(namespace, path, scalar, key) => {
                to.push(kind::FIELD);
                put_labels(&mut to, namespace);
                put_text(&mut to, path);
                put_bytes(&mut to, &scalar.0);
                put_text(&mut to, key);
            }
            Self::Partial(namespace, coverage, key) => {
                to.push(kind::PARTIAL);
                put_labels(&mut to, namespace);
                put_bytes(&mut to, coverage);
                put_text(&mut to, key);
            }
            Self::Expiry(at, namespace, key) => {
                put_number(&mut to, kind::EXPIRY, *at);
                put_labels(&mut to, namespace);
                put_text(&mut to, key);
            }
            Self::Segment(base) => put_number(&mut to, kind::SEGMENT, *base),
            Self::Refused(lsn) => put_number(&mut to, kind::REFUSED, *lsn),
            Self::Content(hash) => {
                to.push(kind::CONTENT);
                to.extend(hash);
            }
            Self::Past(namespace, key, lsn) => {
                to.push(kind::PAST);
                put_labels(&mut to, namespace);
                put_text(&mut to, key);
                to.extend(lsn.to_be_bytes());
            }
            Self::History(namespace) => {
                to.push(kind::HISTORY);
                put_labels(&mut to, namespace);
            }
            Self::Recent(namespace, before, key) => {
                to.push(kind::RECENT);
                put_labels(&mut to, namespace);
                to.extend(before.to_be_bytes());
                put_text(&mut to, key);
            }
            Self::Posting(word, namespace, first) => {
                to.push(kind::POSTING);
                put_text(&mut to, word);
                put_labels(&mut to, namespace);
                to.extend(first.to_be_bytes());
            }
            Self::ItemWords(item) => put_number(&mut to, kind::ITEM_WORDS, *item),
            Self::WordCount(namespace) => {
                to.push(kind::WORD_COUNT);
                put_labels(&mut to, namespace);
            }
            Self::ItemsHere(namespace) => {
                to.push(kind::ITEMS_HERE);
                put_labels(&mut to, namespace);
            }
        }
        to
    }

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

    /// The key that was encoded as `bytes`; `None` if none was.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = bytes;
        let (&kind, rest) = from.split_first()?;
        from = rest;
        let key = match kind {
            kind::THREAD => Self::Thread(text(&mut from)?.into()),
            kind::FROZEN => Self::Frozen(number(&mut from)?),
            kind::DROPPED => Self::Dropped(number(&mut from)?),
            kind::FOLDING => Self::Folding(number(&mut from)?),
            kind::HEIR => {
                let branch = number(&mut from)?;
                Self::Heir(branch, number(&mut from)?)
            }
            kind::CHECKPOINT => {
                let branch = number(&mut from)?;
                let namespace = text(&mut from)?;
                Self::Checkpoint(branch, namespace.into(), text(&mut from)?.into())
            }
            kind::WRITES => {
                let branch = number(&mut from)?;
                let namespace = text(&mut from)?.into();
                let checkpoint = text(&mut from)?.into();
                Self::Writes(branch, namespace, checkpoint, text(&mut from)?.into())
            }
            kind::TAG => {
                let branch = number(&mut from)?;
                let namespace = text(&mut from)?;
                Self::Tag(branch, namespace.into(), text(&mut from)?.into())
            }
            kind::ITEM => {
                let namespace = labels(&mut from)?;
                Self::Item(namespace, text(&mut from)?.into())
            }
            kind::FIELD => {
                let namespace = labels(&mut from)?;
                let path = text(&mut from)?.into();
                let scalar = ScalarKey(any_bytes(&mut from)?.into());
                Self::Field(namespace, path, scalar, text(&mut from)?.into())
            }
            kind::PARTIAL => {
                let namespace = labels(&mut from)?;
                let coverage = any_bytes(&mut from)?.into();
                Self::Partial(namespace, coverage, text(&mut from)?.into())
            }
            kind::EXPIRY => {
                let at = number(&mut from)?;
                let namespace = labels(&mut from)?;
                Self::Expiry(at, namespace, text(&mut from)?.into())
            }
            kind::SEGMENT => Self::Segment(number(&mut from)?),
            kind::REFUSED => Self::Refused(number(&mut from)?),
            kind::CONTENT => {
                let (hash, rest) = from.split_first_chunk()?;
                from = rest;
                Self::Content(*hash)
            }
            kind::PAST => {
                let namespace = labels(&mut from)?;
                let key = text(&mut from)?.into();
                Self::Past(namespace, key, number(&mut from)?)
            }
            kind::HISTORY => Self::History(labels(&mut from)?),
            kind::RECENT => {
                let namespace = labels(&mut from)?;
                let before = number(&mut from)?;
                Self::Recent(namespace, before, text(&mut from)?.into())
            }
            kind::POSTING => {
                let word = text(&mut from)?.into();
                let namespace = labels(&mut from)?;
                Self::Posting(word, namespace, number(&mut from)?)
            }
            kind::ITEM_WORDS => Self::ItemWords(number(&mut from)?),
            kind::WORD_COUNT => Self::WordCount(labels(&mut from)?),
            kind::ITEMS_HERE => Self::ItemsHere(labels(&mut from)?),
            _ => return None,
        };
        from.is_empty().then_some(key)
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
        if text.contains(&0) {
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

fn put_number(to: &mut Vec<u8>, kind: u8, number: u64) {
    to.push(kind);
    to.extend(number.to_be_bytes());
}

fn put_labels(to: &mut Vec<u8>, namespace: &[String]) {
    for label in namespace {
        to.push(LABEL);
        put_text(to, label);
    }
    to.push(NO_LABEL);
}

fn labels(from: &mut &[u8]) -> Option<Arc<[String]>> {
    let mut labels = Vec::new();
    loop {
        let (&sign, rest) = from.split_first()?;
        *from = rest;
        match sign {
            LABEL => labels.push(text(from)?),
            NO_LABEL => return Some(labels.into()),
            _ => return None,
        }
    }
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    put_bytes(to, text.as_bytes());
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    let mut parts = bytes.split(|byte| *byte == 0);
    to.extend(parts.next().unwrap_or_default());
    for part in parts {
        to.extend([0, 0xff]);
        to.extend(part);
    }
    to.extend([0, 0]);
}

fn number(from: &mut &[u8]) -> Option<u64> {
    let (bytes, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(u64::from_be_bytes(*bytes))
}

fn text(from: &mut &[u8]) -> Option<String> {
    String::from_utf8(any_bytes(from)?).ok()
}

fn any_bytes(from: &mut &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let end = from.iter().position(|byte| *byte == 0)?;
        let (part, rest) = from.split_at_checked(end)?;
        bytes.extend(part);
        match rest {
            [0, 0, rest @ ..] => {
                *from = rest;
                return Some(bytes);
            }
            [0, 0xff, rest @ ..] => {
                bytes.push(0);
                *from = rest;
            }
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn text() -> impl Strategy<Value = Arc<str>> {
        "[\0\x01a\u{ff}\u{10ffff}]{0,4}".prop_map(Arc::from)
    }

    fn key() -> impl Strategy<Value = Key> {
        let number = || prop_oneof![0_u64..3, any::<u64>()];
        let label = "[\0a]{0,2}";
        let scalar = || prop_oneof![Just(0), Just(1), Just(255), any::<u8>()];
        prop_oneof![
            text().prop_map(Key::Thread),
            number().prop_map(Key::Frozen),
            number().prop_map(Key::Dropped),
            number().prop_map(Key::Folding),
            (number(), number()).prop_map(|(b, h)| Key::Heir(b, h)),
            (number(), text(), text()).prop_map(|(b, n, i)| Key::Checkpoint(b, n, i)),
            (number(), text(), text(), text()).prop_map(|(b, n, c, t)| Key::Writes(b, n, c, t)),
            (number(), text(), text()).prop_map(|(b, n, t)| Key::Tag(b, n, t)),
            (vec(label, 0..4), text()).prop_map(|(n, k)| Key::Item(n.into(), k)),
            (vec(label, 0..4), text(), vec(scalar(), 0..3), text())
                .prop_map(|(n, p, s, k)| Key::Field(n.into(), p, ScalarKey(s.into()), k)),
            (vec(label, 0..4), vec(scalar(), 0..3), text()).prop_map(|(n, c, k)| Key::Partial(
                n.into(),
                c.into(),
                k
            )),
            (number(), vec(label, 0..4), text()).prop_map(|(at, n, k)| Key::Expiry(
                at,
                n.into(),
                k
            )),
            number().prop_map(Key::Segment),
            number().prop_map(Key::Refused),
            any::<ContentHash>().prop_map(Key::Content),
            (vec(label, 0..4), text(), number()).prop_map(|(n, k, l)| Key::Past(n.into(), k, l)),
            vec(label, 0..4).prop_map(|n| Key::History(n.into())),
            (vec(label, 0..4), number(), text()).prop_map(|(n, before, k)| Key::Recent(
                n.into(),
                before,
                k
            )),
            (text(), vec(label, 0..4), number()).prop_map(|(w, n, f)| Key::Posting(w, n.into(), f)),
            number().prop_map(Key::ItemWords),
            vec(label, 0..4).prop_map(|n| Key::WordCount(n.into())),
            vec(label, 0..4).prop_map(|n| Key::ItemsHere(n.into())),
        ]
    }

    proptest! {
        #[test]
        fn bytes_have_the_order_of_their_keys(a in key(), b in key()) {
            prop_assert_eq!(a.encode().cmp(&b.encode()), a.cmp(&b));
        }

        #[test]
        fn ranks_are_in_the_order_of_their_keys(a in key(), b in key()) {
            let (rank, of_b) = (a.rank(), b.rank());
            prop_assert!(rank == of_b || rank.cmp(&of_b) == a.cmp(&b));
        }

        #[test]
        fn what_is_encoded_is_decoded(key in key()) {
            let bytes = key.encode();
            prop_assert_eq!(Key::decode(&bytes), Some(key));
            for length in 0..bytes.len() {
                prop_assert_eq!(Key::decode(&bytes[..length]), None);
            }
        }

        #[test]
        fn any_bytes_are_a_key_or_none(kind in 0_u8..23, bytes in vec(prop_oneof![Just(0), Just(255), any::<u8>()], 0..40)) {
            let mut all = vec![kind];
            all.extend(bytes);
            if let Some(key) = Key::decode(&all) {
                prop_assert_eq!(key.encode(), all);
            }
        }
    }
}
