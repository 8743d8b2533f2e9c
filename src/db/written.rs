//! [`Written`]: a write of a task as it is to be stored.

use crate::Encoded;
use crate::codec::{self, Alias, Stored, Value};
use crate::db::Db;
use crate::db::hot::Content;
use crate::db::place::At;
use crate::db::to_store::{alias, wide};
use crate::delta::Weight;

/// A write of a task as it is to be stored.
pub(super) struct Written {
    pub(super) stored: Stored,
    /// Where it is, if it is an older value.
    pub(super) at: Option<At>,
    /// Its number in the record, or that of the one that it is.
    pub(super) number: u32,
    /// By what it is found when it is put again.
    pub(super) content: Option<Content>,
}

/// The large values of a record that are stored whole, by which later ones of the same record are found. It is the first of its
/// frame.
#[derive(Default)]
pub(super) struct Own(Vec<(Content, u32, Encoded)>);

impl Own {
    /// The number of the one that is equal.
    pub(super) fn equal(&self, content: Content, value: &Encoded) -> Option<u32> {
        let mut own = self.0.iter();
        let equal = own.find(|(of, _, known)| *of == content && known == value);
        equal.map(|(_, number, _)| *number)
    }

    /// Notes a value that is stored whole under this number.
    pub(super) fn note(&mut self, content: Content, number: u32, value: &Encoded) {
        self.0.push((content, number, value.clone()));
    }

    /// The value with this number once more.
    pub(super) fn alias(number: u32, value: &Encoded) -> Stored {
        Value::Alias(Alias {
            of: codec::Place {
                frame: None,
                record: 0,
                value: number,
            },
            weight: Weight::whole(wide(value.bytes().len())),
        })
    }
}

impl Db {
    /// A write of a task with this number, stored whole, or as one that was.
    pub(super) fn written(&self, value: Encoded, number: u32, own: &mut Own) -> Written {
        let content = Content::of(value.bytes());
        if let Some(again) = content.and_then(|content| own.equal(content, &value)) {
            return Written {
                stored: Own::alias(again, &value),
                at: None,
                number: again,
                content: None,
            };
        }
        if let Some(at) = content.and_then(|content| self.equal(content, &value)) {
            return Written {
                stored: alias(at, Weight::whole(wide(value.bytes().len()))),
                at: Some(at),
                number,
                content: None,
            };
        }
        if let Some(content) = content {
            own.note(content, number, &value);
        }
        Written {
            stored: Value::Whole(value),
            at: None,
            number,
            content,
        }
    }
}
