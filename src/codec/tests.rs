//! Records come back from their bytes, which are those of docs/format.md, and other bytes do no harm.

mod bytes;
mod examples;
mod hostile;
mod strategies;

use ::bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use self::strategies::{op, record};
use super::*;
use crate::delta::{Op, Weight, encoded_len, total_len};
use crate::store_options::IndexedFields;

/// All records of a payload, which its index is told the same of.
fn decoded(payload: &[u8]) -> Result<Vec<Record<Stored>>, CodecError> {
    let numbered = decode(payload, |record| record.numbered())?;
    let payload = Bytes::copy_from_slice(payload);
    let each = (0..).zip(numbered).map(|(number, numbered)| {
        let record = decode_one(&payload, number)?;
        assert_eq!(decode_one(&payload, number)?.numbered(), numbered);
        Ok(record)
    });
    each.collect()
}

fn encoded(records: &[Record<Stored>]) -> Vec<u8> {
    encode(records, Compression::None).unwrap()
}

fn framed(kind: u8, flags: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    [&length, [kind, flags].as_slice(), body].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_encoded_is_decoded(records in vec(record(), 0..5), is_compressed: bool) {
        let compression = if is_compressed { Compression::All } else { Compression::None };
        let payload = encode(&records, compression).unwrap();
        prop_assert_eq!(&decoded(&payload).unwrap(), &records);
        let beyond = u32::try_from(records.len()).unwrap();
        let is_no_such_record = matches!(
            decode_one(&payload.into(), beyond),
            Err(CodecError::NoSuchRecord { .. })
        );
        prop_assert!(is_no_such_record);
    }

    #[test]
    fn values_are_read_without_the_rest_as_with_it(records in vec(record(), 1..5), is_compressed: bool) {
        let compression = if is_compressed { Compression::All } else { Compression::None };
        let payload = Bytes::from(encode(&records, compression).unwrap());
        for (number, record) in (0..).zip(records) {
            let values = record.into_values();
            for value in 0..=values.len() {
                let first = values_to(&payload, number, u32::try_from(value).unwrap()).unwrap();
                prop_assert!(first.len() > value || first.len() == values.len());
                prop_assert_eq!(&values[..first.len()], first.as_slice());
            }
        }
        let none = u32::try_from(decode_all(&payload).unwrap().len()).unwrap();
        let beyond = values_to(&payload, none, 0);
        prop_assert!(beyond.is_err(), "{:?}", beyond);
    }

    #[test]
    fn any_bytes_are_decoded_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = decoded(&bytes);
    }

    #[test]
    fn any_body_is_decoded_or_refused(
        kind in 0_u8..14, flags in 0_u8..2, body in vec(any::<u8>(), 0..200),
    ) {
        let _ = decoded(&framed(kind, flags, &body));
    }

    #[test]
    fn operations_take_what_the_choice_of_a_delta_counts(ops in vec(op(), 0..6)) {
        let item = |ops: Vec<Op>| {
            let base = Place { frame: None, record: 0, value: 0 };
            let weight = Weight { length: total_len(&ops).min(9), links: 1, cost: 0 };
            let value = Stored::Delta(Delta { base, weight, sources: Vec::new(), ops });
            let put = ItemPut { namespace: Vec::new(), key: String::new(), value, at: 0, lifetime: None, index: IndexedFields::All, is_new: false, moved: None, fields: None, ranked: crate::codec::Ranked::default(), };
            u64::try_from(encoded(&[Record::ItemPut(put)]).len()).unwrap()
        };
        let expected = encoded_len(&ops) - encoded_len::<Bytes>(&[]);
        prop_assert_eq!(item(ops) - item(Vec::new()), expected);
    }
}
