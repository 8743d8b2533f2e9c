//! [`Reader`]: values from their places in the log.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::Encoded;
use crate::codec::{self, Delta, Stored, Value};
use crate::db::compaction::Entered;
use crate::db::place::Place;
use crate::db::{Db, DbError};
use crate::delta::{MAX_LINKS, Rope};
use crate::log::{FrameAddress, Lsn, SegmentId};

/// More places than lie between any value and the bytes that it is made of: its deltas, and an alias before each.
const MAX_HOPS: u32 = 2 * MAX_LINKS;

/// The values of records, by the record's LSN.
type Records = HashMap<Lsn, Arc<[Stored]>>;

/// Reads values. It is made before the places are looked up that it reads. What one call read, the next need not read again: neighbours in a thread's history
/// share most of their values.
#[derive(Debug)]
pub(crate) struct Reader {
    db: Db,
    _entered: Entered,
    /// The records that the last call used.
    last: Records,
}

/// Where a stored value is.
#[derive(Clone, Copy)]
struct At {
    frame: FrameAddress,
    record: u32,
    value: u32,
}

impl Reader {
    pub(super) fn new(db: Db) -> Self {
        Self {
            _entered: db.enter(),
            db,
            last: HashMap::new(),
        }
    }

    /// The values at `places`, in their order.
    pub(crate) fn values<'p>(
        &mut self,
        places: impl IntoIterator<Item = &'p Place>,
    ) -> Result<Vec<Encoded>, DbError> {
        let mut used = HashMap::new();
        let values = places.into_iter().map(|place| {
            let at = At {
                frame: place.record.frame,
                record: place.record.number,
                value: place.value,
            };
            self.value(&mut used, at)
        });
        let values = values.collect::<Result<_, _>>()?;
        self.last = used;
        Ok(values)
    }

    /// The value, followed through its bases to one that is whole and put together from there.
    fn value(&self, used: &mut Records, mut at: At) -> Result<Encoded, DbError> {
        let mut chain: Vec<(At, Delta<Bytes>)> = Vec::new();
        let mut hops = 0;
        let whole = loop {
            hops += 1;
            if hops > MAX_HOPS {
                return Err(at.unreadable(format!("it is more than {MAX_HOPS} places away")));
            }
            match self.stored(used, at)? {
                Value::Whole(whole) => break whole,
                Value::Alias(alias) => at = at.follow(alias.of)?,
                Value::Delta(delta) => {
                    let base = at.follow(delta.base)?;
                    chain.push((at, delta));
                    at = base;
                }
            }
        };
        if chain.is_empty() {
            return Ok(whole);
        }
        let mut rope = Rope::new(whole.bytes().clone());
        while let Some((at, delta)) = chain.pop() {
            let sources = delta.sources.iter().map(|source| {
                match self.stored(used, at.follow(*source)?)? {
                    Value::Whole(whole) => Ok(whole.bytes().clone()),
                    Value::Delta(_) | Value::Alias(_) => {
                        Err(at.unreadable("a source of its delta is not stored whole"))
                    }
                }
            });
            let sources = sources.collect::<Result<Vec<_>, _>>()?;
            rope.apply(&delta.ops, &sources, delta.weight.length)
                .map_err(|e| at.unreadable(e))?;
        }
        Ok(Encoded::new(whole.tag(), rope.into_bytes()))
    }

    fn stored(&self, used: &mut Records, at: At) -> Result<Stored, DbError> {
        let of_record = match used.get(&at.lsn()).or_else(|| self.last.get(&at.lsn())) {
            Some(known) => Arc::clone(known),
            None => self.read(at)?,
        };
        let value = usize::try_from(at.value)
            .ok()
            .and_then(|number| of_record.get(number))
            .cloned();
        let value = value.ok_or_else(|| at.unreadable(format!("it has no value {}", at.value)))?;
        used.insert(at.lsn(), of_record);
        Ok(value)
    }

    fn read(&self, at: At) -> Result<Arc<[Stored]>, DbError> {
        let payload = self.db.with_log(|log| Ok(log.read(at.frame)?))?;
        let record = codec::decode_one(&payload, at.record).map_err(|e| at.unreadable(e))?;
        Ok(record.into_values().into())
    }
}

impl At {
    fn lsn(self) -> Lsn {
        self.frame.lsn.plus(u64::from(self.record))
    }

    /// The place that the record here names. It is that of an older record, so following places comes to an end.
    fn follow(self, place: codec::Place) -> Result<Self, DbError> {
        let frame = place.frame.map_or(self.frame, |frame| FrameAddress {
            lsn: Lsn::new(frame.lsn),
            records: frame.records,
            segment: SegmentId::new(Lsn::new(frame.segment)),
            offset: frame.offset,
            payload_len: frame.payload_len,
        });
        let named = Self {
            frame,
            record: place.record,
            value: place.value,
        };
        if place.record < frame.records && named.lsn() < self.lsn() {
            Ok(named)
        } else {
            Err(self.unreadable("it names a value that is in no older record"))
        }
    }

    fn unreadable(self, reason: impl ToString) -> DbError {
        DbError::unreadable_record(self.frame, self.record, reason)
    }
}

#[cfg(test)]
mod tests;
