//! [`Reader`]: values from their places in the log.

use std::collections::HashMap;
use std::sync::Arc;

use crate::Encoded;
use crate::codec;
use crate::db::place::{Place, RecordPlace};
use crate::db::{Db, DbError};
use crate::log::Lsn;

/// Reads values. What one call read, the next need not read again: neighbours in a thread's history
/// share most of their values.
#[derive(Debug)]
pub(crate) struct Reader {
    db: Db,
    /// The values of the records that the last call used, by the record's LSN.
    last: HashMap<Lsn, Arc<[Encoded]>>,
}

impl Reader {
    pub(super) fn new(db: Db) -> Self {
        Self {
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
        let mut values = Vec::new();
        for place in places {
            let record = &place.record;
            let lsn = record.frame.lsn.plus(u64::from(record.number));
            let of_record = match used.get(&lsn).or_else(|| self.last.get(&lsn)) {
                Some(known) => Arc::clone(known),
                None => self.read(record)?,
            };
            let value = usize::try_from(place.value)
                .ok()
                .and_then(|number| of_record.get(number))
                .cloned();
            values.push(value.ok_or_else(|| {
                let reason = format!("it has no value {}", place.value);
                DbError::unreadable_record(record.frame, record.number, reason)
            })?);
            used.insert(lsn, of_record);
        }
        self.last = used;
        Ok(values)
    }

    fn read(&self, place: &RecordPlace) -> Result<Arc<[Encoded]>, DbError> {
        let payload = self.db.with_log(|log| Ok(log.read(place.frame)?))?;
        let record = codec::decode_one(&payload, place.number)
            .map_err(|e| DbError::unreadable_record(place.frame, place.number, e))?;
        let values = record.into_values().into_iter();
        Ok(values
            .map(|blob| Encoded::new(blob.tag, payload.slice_ref(blob.bytes)))
            .collect())
    }
}
