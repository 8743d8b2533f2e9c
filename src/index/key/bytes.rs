//! Keys as bytes, which have the order of the keys: a kind, numbers with the high byte first, and texts in which a NUL is
//! `00 ff` and whose end is `00 00`.

use std::borrow::Cow;
use std::sync::Arc;

use crate::index::Key;
use crate::index::names::maybe_empty;
use crate::item_fields::ScalarKey;

/// The first byte.
pub(super) mod kind {
    pub(in crate::index::key) const THREAD: u8 = 1;
    pub(in crate::index::key) const FROZEN: u8 = 2;
    pub(in crate::index::key) const DROPPED: u8 = 3;
    pub(in crate::index::key) const FOLDING: u8 = 4;
    pub(in crate::index::key) const HEIR: u8 = 5;
    pub(in crate::index::key) const CHECKPOINT: u8 = 6;
    pub(in crate::index::key) const WRITES: u8 = 7;
    pub(in crate::index::key) const TAG: u8 = 8;
    pub(in crate::index::key) const ITEM: u8 = 9;
    pub(in crate::index::key) const FIELD: u8 = 10;
    pub(in crate::index::key) const PARTIAL: u8 = 11;
    pub(in crate::index::key) const EXPIRY: u8 = 12;
    pub(in crate::index::key) const SEGMENT: u8 = 13;
    pub(in crate::index::key) const REFUSED: u8 = 14;
    pub(in crate::index::key) const CONTENT: u8 = 15;
    pub(in crate::index::key) const PAST: u8 = 16;
    pub(in crate::index::key) const HISTORY: u8 = 17;
    pub(in crate::index::key) const RECENT: u8 = 18;
    pub(in crate::index::key) const POSTING: u8 = 19;
    pub(in crate::index::key) const ITEM_WORDS: u8 = 20;
    pub(in crate::index::key) const WORD_COUNT: u8 = 21;
    pub(in crate::index::key) const ITEMS_HERE: u8 = 22;
}

/// Stand before a label, and behind the last one.
pub(super) const LABEL: u8 = 1;
pub(super) const NO_LABEL: u8 = 0;

impl Key {
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
                let namespace = maybe_empty(&text(&mut from)?);
                Self::Checkpoint(branch, namespace, text(&mut from)?.into())
            }
            kind::WRITES => {
                let branch = number(&mut from)?;
                let namespace = maybe_empty(&text(&mut from)?);
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
            LABEL => labels.push(text(from)?.into_owned()),
            NO_LABEL => return Some(labels.into()),
            _ => return None,
        }
    }
}

fn put_text(to: &mut Vec<u8>, text: &str) {
    put_bytes(to, text.as_bytes());
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    if has_nul(bytes) {
        let mut parts = bytes.split(|byte| *byte == 0);
        to.extend(parts.next().unwrap_or_default());
        for part in parts {
            to.extend([0, 0xff]);
            to.extend(part);
        }
    } else {
        to.extend(bytes);
    }
    to.extend([0, 0]);
}

/// Whether a NUL is among these. Mostly there is none, and looking at all of a short text is quicker than looking where it is.
pub(super) fn has_nul(bytes: &[u8]) -> bool {
    bytes.iter().fold(false, |has, byte| has | (*byte == 0))
}

fn number(from: &mut &[u8]) -> Option<u64> {
    let (bytes, rest) = from.split_first_chunk()?;
    *from = rest;
    Some(u64::from_be_bytes(*bytes))
}

fn text<'b>(from: &mut &'b [u8]) -> Option<Cow<'b, str>> {
    match any_bytes(from)? {
        Cow::Borrowed(bytes) => str::from_utf8(bytes).ok().map(Cow::Borrowed),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}

/// Bytes where they lie, if there are no zeros in them.
fn any_bytes<'b>(from: &mut &'b [u8]) -> Option<Cow<'b, [u8]>> {
    let end = from.iter().position(|byte| *byte == 0)?;
    match from.split_at_checked(end)? {
        (bytes, [0, 0, rest @ ..]) => {
            *from = rest;
            Some(Cow::Borrowed(bytes))
        }
        _ => parted_bytes(from).map(Cow::Owned),
    }
}

fn parted_bytes(from: &mut &[u8]) -> Option<Vec<u8>> {
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
