//! What must hold of the index's keys and rows, whatever the bytes. Fuzz targets call it; it is no part of the
//! crate's interface.

use super::row_bytes::{HandleBytes, decode, encode};
use super::{Key, number, put_number};
use crate::item_fields::{Coverage, ItemFields};
use crate::store_options::IndexedFields;

/// An item's value: what an index has of it is bounded, sorted, and written so that it is read again.
pub(crate) fn item_fields(json: &[u8]) {
    let fields = ItemFields::of_json(json, &IndexedFields::All);
    assert!(fields.scalars.len() <= 64 && fields.scalars.is_sorted());
    let coverage = fields.coverage;
    assert_eq!(Coverage::decode(&coverage.encode()), Some(coverage));
}

/// Two keys: what is read is written as it was, and their order is that of their bytes.
pub(crate) fn keys(a: &[u8], b: &[u8]) {
    let (Some(one), Some(other)) = (Key::decode(a), Key::decode(b)) else {
        return;
    };
    let written = [one.encode(), other.encode()];
    let [first, second] = &written;
    assert_eq!(Key::decode(first).as_ref(), Some(&one));
    assert_eq!(Key::decode(second).as_ref(), Some(&other));
    assert_eq!(first == second, one == other);
    if one.rank() != other.rank() {
        assert_eq!(
            one.rank() < other.rank(),
            first < second,
            "{one:?} {other:?}"
        );
    }
}

/// A key and its row: to write what was read is always the same.
pub(crate) fn row(key: &[u8], row: &[u8]) {
    let Some(key) = Key::decode(key) else {
        return;
    };
    let read = |bytes: &[u8]| decode(&key, bytes, &mut Numbers);
    let Some(row) = read(row) else {
        return;
    };
    let written = encode(&row, &mut Numbers);
    let again = read(&written).map(|row| encode(&row, &mut Numbers));
    assert_eq!(again, Some(written));
}

/// Handles that are numbers.
struct Numbers;

impl HandleBytes<u64> for Numbers {
    fn put(&mut self, to: &mut Vec<u8>, handle: &u64) {
        put_number(to, *handle);
    }

    fn take(&mut self, from: &mut &[u8]) -> Option<u64> {
        number(from)
    }
}
