//! What must hold of the codec, whatever the bytes. Fuzz targets call it; it is no part of the crate's interface.

use bytes::Bytes;

use super::{
    Compression, Record, Stored, decode, decode_all, decode_one, encode, is_compressed, thread_of,
    values_to,
};

/// A frame's payload. What is read is written so that it is read again, in each compression; records are read one by one
/// as they are all together; and to write what was read is always the same.
pub(crate) fn payload(input: &[u8]) {
    let payload = Bytes::copy_from_slice(input);
    let _ = (thread_of(&payload), is_compressed(&payload));
    let counted = decode(&payload, |record| {
        record.map(|value| value.places().count())
    });
    let Ok(records) = decode_all(&payload) else {
        return assert!(counted.is_err());
    };
    assert_eq!(counted.map(|of| of.len()), Ok(records.len()));
    let each = (0_u32..).zip(&records);
    for (number, record) in each.take(8) {
        assert_eq!(decode_one(&payload, number).as_ref(), Ok(record));
        let values = record.clone().into_values();
        for value in [0, values.len().saturating_sub(1), values.len()] {
            let value = u32::try_from(value).unwrap_or(u32::MAX);
            let first = values_to(&payload, number, value).unwrap_or_default();
            assert!(values.starts_with(&first), "{values:?}: {first:?}");
            assert!(first.len() > value as usize || first.len() == values.len());
        }
    }
    for compression in [Compression::None, Compression::All] {
        written_again(&records, compression);
    }
}

fn written_again(records: &[Record<Stored>], compression: Compression) {
    let written = encode(records, compression).map(Bytes::from);
    assert_eq!(written.as_ref().err(), None);
    let Ok(written) = written else {
        return;
    };
    let read = decode_all(&written);
    assert_eq!(read.as_deref(), Ok(records));
    let again = read.and_then(|read| encode(&read, compression));
    assert_eq!(again.map(Bytes::from), Ok(written));
}

/// The kind of a record and its body: as [`payload`], with the length in front that it has.
pub(crate) fn record(input: &[u8]) {
    let Some((kind, body)) = input.split_first() else {
        return;
    };
    let length = u32::try_from(body.len()).unwrap_or_default();
    let head = [length.to_le_bytes().as_slice(), &[*kind, 0]].concat();
    payload(&[head.as_slice(), body].concat());
}
