//! Applying the records of frames to the index: which values they bring, and where those are.

use std::hint;
use std::sync::Arc;

use crate::codec::{Numbered, Record};
use crate::db::hot::NewContent;
use crate::db::place::{At, Place, RecordPlace};
use crate::db::view::DbTables;
use crate::index::{Index, Key, Origin, Row, Tables, Unapplied};
use crate::log::FrameAddress;

/// About what the rows of the frames take that are applied at a time.
const ROWS_BYTES: usize = 120 << 10;
/// No system has smaller ones.
const PAGE: usize = 4 << 10;

/// Has memory at hand for rows. The C library makes that of a thread larger by single pages, with a system call each, unless it is
/// asked for more at a time; and the system clears a page when it is first written to, which is better done while nobody waits.
pub(super) fn ask_ahead() {
    let mut room = Vec::<u8>::with_capacity(ROWS_BYTES);
    for page in room.spare_capacity_mut().iter_mut().step_by(PAGE) {
        page.write(0);
    }
    drop(hint::black_box(room));
}

/// Applies the records of a frame up to the first that is not taken. If that is for want of rows, the index
/// would be wrong from here on, and is given up. The rows are not settled yet.
pub(super) fn apply_all(
    index: &mut Index<Place, DbTables>,
    frame: FrameAddress,
    records: &mut [Record<Numbered>],
    contents: &[NewContent],
) -> Result<(), Unapplied> {
    let applied = (0..)
        .zip(records)
        .try_for_each(|(number, record)| apply_next(index, frame, number, record));
    let tables = index.tables_mut();
    if applied.is_ok() {
        for new in contents.iter().filter(|new| new.content.lasts) {
            let (record, value) = (new.record, new.value);
            let at = At {
                frame,
                record,
                value,
            };
            tables.put(Key::Content(new.content.hash), Row::Content(at.into()));
        }
    }
    if let Err(Unapplied::Tables(error)) = &applied {
        tables.abandon(error.clone());
    }
    applied
}

pub(super) fn try_apply_all(
    index: &mut Index<Place, impl Tables<Key, Row<Place>>>,
    frame: FrameAddress,
    records: Vec<Record<Numbered>>,
) -> Result<(), Unapplied> {
    for (number, record) in (0..).zip(records) {
        apply_one(index, frame, number, record)?;
    }
    Ok(())
}

/// Applies the record with this number of a frame.
pub(super) fn apply_one(
    index: &mut Index<Place, impl Tables<Key, Row<Place>>>,
    frame: FrameAddress,
    number: u32,
    mut record: Record<Numbered>,
) -> Result<(), Unapplied> {
    let applied = apply_next(index, frame, number, &mut record);
    index.settle();
    applied
}

/// The same, but the rows are not settled yet.
fn apply_next(
    index: &mut Index<Place, impl Tables<Key, Row<Place>>>,
    frame: FrameAddress,
    number: u32,
    record: &mut Record<Numbered>,
) -> Result<(), Unapplied> {
    let place = Arc::new(RecordPlace { frame, number });
    if let Record::CheckpointPut(put) = record {
        // What is put into the store with it comes behind it.
        put.moment.get_or_insert(frame.end().get());
    }
    let handle = |value: &Numbered| match value.alias {
        None => Place {
            record: Arc::clone(&place),
            value: value.number,
        },
        // What it stands for may stay when the record goes.
        Some(of) => At::of(frame, of).into(),
    };
    let origin = Origin {
        lsn: frame.lsn.plus(u64::from(number)).get(),
        segment: frame.segment.base().get(),
        bytes: u64::from(frame.payload_len) / u64::from(frame.records.max(1)),
    };
    let applied = index.apply_next(record, origin, handle);
    if matches!(applied, Err(Unapplied::Refused(_))) {
        let end = frame.end().get();
        index
            .tables_mut()
            .put(Key::Refused(origin.lsn), Row::Refused(end));
    }
    applied
}
