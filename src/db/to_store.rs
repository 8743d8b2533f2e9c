//! [`ToStore`]: a value as it is to be stored.

use crate::Encoded;
use crate::codec::{Alias, Stored, Value};
use crate::db::hot::{Content, Draft, HotValue};
use crate::db::place::At;
use crate::delta::{Tip, Weight};
use crate::encoded_list::ListForm;

/// A value as it is to be stored.
pub(super) struct ToStore {
    pub(super) stored: Stored,
    pub(super) draft: Draft,
    /// The value itself, if it was at hand, and the older one that it takes the place of.
    pub(super) bytes: Option<(Encoded, Option<At>)>,
    /// By what it is found when it is put again.
    pub(super) content: Option<Content>,
    /// The number of the value in its record that it is, if it is there already.
    pub(super) again: Option<u32>,
}

impl ToStore {
    /// One that is stored whole, in the place of an older one.
    pub(super) fn whole(value: Encoded, replaced: Option<At>, content: Option<Content>) -> Self {
        Self {
            draft: whole_draft(&value, None),
            stored: Value::Whole(value.clone()),
            bytes: Some((value, replaced)),
            content,
            again: None,
        }
    }

    /// One that is that at `of`, which is stored whole.
    pub(super) fn as_older(value: &Encoded, of: At) -> Self {
        Self {
            draft: whole_draft(value, Some(of)),
            stored: alias(of, Weight::whole(wide(value.bytes().len()))),
            bytes: None,
            content: None,
            again: None,
        }
    }
}

/// What is known of a value that is stored whole; at `at`, if it is an older one.
pub(super) fn whole_draft(value: &Encoded, at: Option<At>) -> Draft {
    Draft {
        at,
        tag: value.tag_of().clone(),
        tip: Tip::new(Weight::whole(wide(value.bytes().len()))),
        run_base: None,
        list: ListForm::of(value),
    }
}

/// The parent's value once more.
pub(super) fn again(value: HotValue) -> Draft {
    Draft {
        at: Some(value.at),
        tag: value.tag,
        tip: value.tip,
        run_base: Some(value.run_base),
        list: value.list,
    }
}

/// The value at `of` once more.
pub(super) fn alias(of: At, weight: Weight) -> Stored {
    Value::Alias(Alias {
        of: of.named(),
        weight,
    })
}

/// A length in bytes.
pub(super) fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
