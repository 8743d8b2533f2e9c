//! What must hold of the decoders, whatever the bytes: each function takes any input and panics if something does not hold. And how a file's
//! checksums are put right after it was changed.
//!
//! It is for the fuzz targets in `fuzz/`, and no part of the crate's interface: see `docs/fuzzing.md`.

use bytes::Bytes;

use crate::Encoded;
use crate::delta::{apply, grown, total_len};
use crate::encoded_list::{ListForm, concatenate};

macro_rules! inputs {
    ($($(#[$doc:meta])* $module:ident :: $name:ident;)*) => {
        $($(#[$doc])* pub fn $name(input: &[u8]) {
            crate::$module::fuzzing::$name(input);
        })*
    };
}

inputs! {
    /// A slot of the superblock.
    log::superblock;
    /// A segment's header.
    log::segment_header;
    /// A salt and a frame.
    log::frame;
    /// A salt, an offset and a block.
    log::block;
    /// The LSN and number of a group's frames, and its directory.
    log::directory;
    /// A salt, a base, an offset and a footer.
    log::footer;
    /// A segment's file.
    log::segment;
    /// A frame's payload.
    codec::payload;
    /// A record's kind and body.
    codec::record;
    /// An item's value.
    index::item_fields;
}

/// Two keys of the index.
pub fn keys(one: &[u8], other: &[u8]) {
    crate::index::fuzzing::keys(one, other);
}

/// A key of the index and its row.
pub fn row(key: &[u8], row: &[u8]) {
    crate::index::fuzzing::row(key, row);
}

/// Puts the checksums of a superblock right.
pub fn repair_superblock(bytes: &mut [u8]) {
    crate::log::fuzzing::repair_superblock(bytes);
}

/// Puts the checksums of a segment right, as far as its lengths lead.
pub fn repair_segment(bytes: &mut [u8]) {
    crate::log::fuzzing::repair_segment(bytes);
}

/// A JSON list and elements: whichever way they are appended, the same list comes out.
pub fn json_list(list: &[u8], elements: &[&[u8]]) {
    let list = Encoded::new("json", list.to_vec());
    let elements: Vec<_> = (elements.iter())
        .map(|element| Encoded::new("json", element.to_vec()))
        .collect();
    let whole = concatenate(&list, &elements);
    let values: Result<Vec<_>, _> = elements.iter().map(Encoded::to_json).collect();
    let (Ok(serde_json::Value::Array(mut expected)), Ok(values)) = (list.to_json(), values) else {
        return;
    };
    expected.extend(values);
    let expected = Some(serde_json::Value::from(expected));
    let value = |encoded: &Encoded| encoded.to_json().ok();
    assert_eq!(whole.as_ref().and_then(value), expected);
    let Some(form) = ListForm::of(&list) else {
        return;
    };
    let texts: Vec<Bytes> = elements.iter().map(|e| e.bytes().clone()).collect();
    let length = list.bytes().len() as u64;
    let ops = grown(length, form == ListForm::Empty, &texts, &[]);
    let made = apply(list.bytes(), &[], &ops, total_len(&ops));
    let made = made.ok().map(|bytes| Encoded::new("json", bytes));
    assert_eq!(made.as_ref().and_then(value), expected);
}
