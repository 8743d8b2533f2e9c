//! [`KeptValue`]: what is kept in memory of a value that is about to be submitted.

use crate::Encoded;
use crate::codec::Stored;
use crate::db::hot::{Content, Draft, HotValue, NewContent};
use crate::db::place::At;
use crate::db::to_store::ToStore;
use crate::db::{Db, Submitted};
use crate::version::ChannelVersion;

/// A channel of a checkpoint that is about to be submitted.
pub(super) struct Kept {
    pub(super) channel: Box<str>,
    pub(super) version: ChannelVersion,
    /// `None`: it was cleared.
    pub(super) value: Option<KeptValue>,
}

/// What is kept of a value.
pub(super) struct KeptValue {
    /// Its number in the record.
    number: u32,
    draft: Draft,
    bytes: Option<(Encoded, Option<At>)>,
    content: Option<Content>,
}

impl KeptValue {
    /// It as one that others may be equal to.
    pub(super) fn new_content(&self) -> Option<NewContent> {
        self.content.map(|content| NewContent {
            content,
            record: 0,
            value: self.number,
        })
    }
}

impl Db {
    /// Keeps a value that was submitted.
    pub(super) fn keep(&self, value: KeptValue, submitted: &Submitted) -> HotValue {
        let own = submitted.at(0, value.number);
        if let Some((bytes, replaced)) = value.bytes {
            self.hot()
                .values()
                .replace(replaced.map(At::id), own.id(), bytes);
        }
        value.draft.placed(own)
    }
}

impl ToStore {
    /// What goes into the record, as its value with this number, and what is to be kept of it.
    pub(super) fn numbered(self, number: u32) -> (Stored, KeptValue) {
        let kept = KeptValue {
            number: self.again.unwrap_or(number),
            draft: self.draft,
            bytes: self.bytes,
            content: self.content,
        };
        (self.stored, kept)
    }
}
