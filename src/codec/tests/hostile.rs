//! Bytes that nobody wrote are refused, and ask for no more memory than they may.

use bytes::Bytes;

use super::super::*;
use super::examples::{delta_on_an_older_frame, one_of_each};
use super::{decoded, encoded, framed};
use crate::Encoded;
use crate::delta::{MAX_LENGTH, MAX_LINKS, Op};
use crate::store_options::IndexedFields;

#[test]
fn every_changed_byte_is_decoded_or_refused() {
    let payload = encoded(&one_of_each());
    for at in 0..payload.len() {
        for byte in 0..=u8::MAX {
            let mut damaged = payload.clone();
            damaged[at] = byte;
            let _ = decoded(&damaged);
        }
    }
}

#[test]
fn a_claimed_length_allocates_nothing() {
    // 2^62 of everything, at every place where a length may stand.
    let payload = encoded(&one_of_each());
    for at in 6..payload.len() {
        let mut damaged = payload.clone();
        damaged.splice(at..=at, [253, 0, 0, 0, 0, 0, 0, 0, 0x40]);
        let length = u32::try_from(damaged.len() - 6).unwrap();
        damaged[..4].copy_from_slice(&length.to_le_bytes());
        let _ = decoded(&damaged);
    }
}

#[test]
fn a_cut_payload_is_refused() {
    for record in one_of_each() {
        let payload = encoded(&[record]);
        for length in 1..payload.len() {
            assert!(decoded(&payload[..length]).is_err());
        }
    }
}

#[test]
fn bytes_after_the_end_of_a_record_are_refused() {
    for record in one_of_each() {
        let mut payload = encoded(&[record]);
        payload.push(0);
        payload[0] += 1;
        let refused = decoded(&payload).unwrap_err().to_string();
        assert!(refused.contains("left after its end"), "{refused}");
    }
}

#[test]
fn records_of_unknown_kinds_or_with_flags_are_refused() {
    for (kind, flags) in [(0, 0), (40, 0), (99, 0), (2, 3), (2, 4)] {
        let payload = [0, 0, 0, 0, kind, flags];
        assert_eq!(
            decoded(&payload),
            Err(CodecError::Unknown { at: 0, kind, flags })
        );
    }
}

#[test]
fn a_delta_that_contradicts_itself_is_refused() {
    let Stored::Delta(good) = delta_on_an_older_frame() else {
        panic!("it is a delta");
    };
    let with = |change: &dyn Fn(&mut Delta<Bytes>)| {
        let mut delta = good.clone();
        change(&mut delta);
        let put = ItemPut {
            namespace: Vec::new(),
            key: String::new(),
            value: Stored::Delta(delta),
            at: 0,
            lifetime: None,
            index: IndexedFields::All,
            is_new: false,
            moved: None,
            fields: None,
            ranked: crate::codec::Ranked::default(),
        };
        decoded(&encoded(&[Record::ItemPut(put)]))
    };
    assert!(with(&|_| ()).is_ok());
    assert!(with(&|d| d.weight.length += 1).is_err());
    assert!(with(&|d| d.weight.links = 0).is_err());
    assert!(with(&|d| d.weight.links = MAX_LINKS + 1).is_err());
    let too_long = |d: &mut Delta<Bytes>| {
        d.weight.length = MAX_LENGTH + 1;
        let len = MAX_LENGTH + 1;
        d.ops = vec![Op::CopyBase { offset: 0, len }];
    };
    assert!(with(&too_long).is_err());
}

#[test]
fn a_compressed_body_that_claims_too_much_is_refused() {
    let lz4 = lz4_flex::block::compress(&[b'7'; 600]);
    let zstd = zstd::bulk::compress(&[b'7'; 600], 1).unwrap();
    for (flags, block) in [(1, lz4), (2, zstd)] {
        for length in [0, 1, 599, 601, 70_000, 1 << 30, u32::MAX] {
            let body = [&length.to_le_bytes(), block.as_slice()].concat();
            let refused = decoded(&framed(5, flags, &body));
            assert!(
                matches!(refused, Err(CodecError::Malformed { .. })),
                "{length}"
            );
        }
        assert!(decoded(&framed(5, flags, &[1, 0])).is_err());
    }
    let both = decoded(&framed(5, 3, &[1, 0, 0, 0, 0]));
    assert!(matches!(both, Err(CodecError::Unknown { .. })));
}

/// A record with so many entries that are all alike.
fn alike(entries: usize) -> Record<Stored> {
    Record::ItemDeleted(ItemDeleted {
        namespace: vec![String::new(); entries],
        key: "key".into(),
        at: None,
    })
}

/// A record as it is compressed, whatever is in it.
fn compressed_by_force(record: &Record<Stored>) -> Vec<u8> {
    let plain = encoded(std::slice::from_ref(record));
    let (head, body) = plain.split_at(6);
    let length = u32::try_from(body.len()).unwrap().to_le_bytes();
    let block = lz4_flex::block::compress(body);
    framed(head[4], 1, &[length.as_slice(), &block].concat())
}

#[test]
fn a_short_payload_cannot_ask_for_many_entries() {
    let (few, many) = (alike(1000), alike((1 << 20) + 100_000));
    let short = compressed_by_force(&many);
    assert!(short.len() < 50_000, "{}", short.len());
    let refused = |payload: &[u8]| {
        let Err(CodecError::Malformed { reason, .. }) = decoded(payload) else {
            panic!("it is taken");
        };
        assert!(reason.contains("more entries"), "{reason}");
    };
    refused(&short);
    // Nor can many records together.
    let half = compressed_by_force(&alike(600_000));
    assert_eq!(decoded(&half).unwrap().len(), 1);
    refused(&half.repeat(2));
    assert_eq!(
        decoded(&compressed_by_force(&few)).unwrap(),
        std::slice::from_ref(&few)
    );
    // What is written is read, and compressed as far as it can be.
    for (records, most) in [
        (vec![many.clone()], usize::MAX),
        (vec![alike(600_000), few, alike(600_000)], 700_000),
    ] {
        let payload = encode(&records, Compression::Long).unwrap();
        assert!(payload.len() < most, "{}", payload.len());
        assert_eq!(decoded(&payload).unwrap(), records);
    }
}

#[test]
fn a_short_payload_cannot_ask_for_long_bodies() {
    let length = (300_u32 << 20).to_le_bytes();
    let one = framed(3, 2, &[length.as_slice(), &[0; 400 << 10]].concat());
    let four = Bytes::from(one.repeat(4));
    // None of them is expanded on the way to the last one.
    let Err(CodecError::Malformed { at, reason, .. }) = decode_one(&four, 3) else {
        panic!("it is taken");
    };
    assert_eq!(at, 3 * one.len());
    assert!(reason.contains("1258291200 bytes long"), "{reason}");
}

#[test]
fn every_changed_byte_of_a_compressed_body_is_decoded_or_refused() {
    for (flags, times) in [(1, 100), (2, 2_500)] {
        let put = ItemPut {
            namespace: Vec::new(),
            key: "k".into(),
            value: Stored::Whole(Encoded::new("json", b"a body ".repeat(times))),
            at: 0,
            lifetime: None,
            index: IndexedFields::All,
            is_new: false,
            moved: None,
            fields: None,
            ranked: crate::codec::Ranked::default(),
        };
        let payload = encode(&[Record::ItemPut(put)], Compression::All).unwrap();
        assert_eq!(payload[5], flags);
        for at in 0..payload.len() {
            for byte in 0..=u8::MAX {
                let mut damaged = payload.clone();
                damaged[at] = byte;
                let _ = decoded(&damaged);
            }
        }
    }
}

#[test]
fn a_map_whose_keys_do_not_ascend_is_refused() {
    let pruned = |first: u8, second: u8| {
        let body = [0, 1, b't', 1, 2, 1, first, 0, 1, second, 0];
        decode_all(&[&[11, 0, 0, 0, 7, 0][..], &body].concat().into())
    };
    assert!(pruned(b'a', b'b').is_ok());
    assert!(pruned(b'b', b'a').is_err());
    assert!(pruned(b'a', b'a').is_err());
}
