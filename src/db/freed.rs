//! How many bytes of the log come back when records are needed no more.

use std::collections::{HashMap, HashSet};

use crate::codec::{self, Compression, Record, Remnant, Stored};
use crate::db::place::{At, ValueId};
use crate::db::reader::{Walking, follow};
use crate::db::{DbError, Place, Reader};
use crate::index::Lost;
use crate::log::FRAME_HEADER_BYTES;

/// How many bytes come back when records are needed no more. First it is to be told what stays.
pub(crate) struct Freed<'f> {
    reader: &'f Reader,
    lost: &'f Lost,
    /// What is older stays, whatever is lost.
    own_from: u64,
    seen: HashSet<ValueId>,
    /// The records that stay, with all that they have.
    live: HashSet<u64>,
    /// Those of which the values stay, and how long these are.
    bound: HashMap<u64, u64>,
    /// How many bytes of values come back whose records had gone before.
    unbound: u64,
}

impl<'f> Freed<'f> {
    /// If the records that are `lost` were all that goes. Of those below `own_from` none comes back that is not among them.
    pub(crate) fn new(reader: &'f Reader, lost: &'f Lost, own_from: u64) -> Self {
        Self {
            reader,
            lost,
            own_from,
            seen: HashSet::new(),
            live: HashSet::new(),
            bound: HashMap::new(),
            unbound: 0,
        }
    }

    /// A value stays, and so does what it is made of. `lsn` is the record of its checkpoint, if that stays.
    pub(crate) fn stays(&mut self, lsn: Option<u64>, place: &Place) -> Result<(), DbError> {
        self.live.extend(lsn);
        self.walk(place, |this, at| {
            let lsn = at.lsn().get();
            if !this.bound.contains_key(&lsn) {
                let bytes = remnant_bytes(this.reader.values_of(at)?)?;
                this.bound.insert(lsn, bytes);
            }
            Ok(())
        })
    }

    /// A value goes, and what only it is made of.
    pub(crate) fn goes(&mut self, place: &Place) -> Result<(), DbError> {
        self.walk(place, |this, at| {
            let lsn = at.lsn().get();
            let is_counted = this.lost.has(lsn) || this.live.contains(&lsn);
            if !is_counted && !this.bound.contains_key(&lsn) {
                let bytes = remnant_bytes(this.reader.values_of(at)?)?;
                this.bound.insert(lsn, bytes);
                this.unbound += bytes.saturating_add(FRAME_HEADER_BYTES);
            }
            Ok(())
        })
    }

    /// Follows a value through what it is made of, as far as that was not done before.
    fn walk(
        &mut self,
        place: &Place,
        mut with: impl FnMut(&mut Self, At) -> Result<(), DbError>,
    ) -> Result<(), DbError> {
        let mut walking = Walking::default();
        let mut left: Vec<At> = vec![place.into()];
        while let Some(at) = left.pop() {
            let lsn = at.lsn().get();
            if (lsn < self.own_from && !self.lost.has(lsn)) || !self.seen.insert(at.id()) {
                continue;
            }
            let value = self.reader.walk(&mut walking, at)?;
            for of in value.places() {
                left.push(follow(at, of)?);
            }
            with(self, at)?;
        }
        Ok(())
    }

    /// So many bytes come back.
    pub(crate) fn bytes(&self) -> u64 {
        let records = self.lost.records().map(|record| {
            let bound = self.bound.get(&record.lsn);
            match bound {
                Some(bound) => record.bytes.saturating_sub(*bound),
                None => record.bytes.saturating_add(FRAME_HEADER_BYTES),
            }
        });
        records.sum::<u64>().saturating_add(self.unbound)
    }
}

/// What compaction leaves of a record whose values are needed: it compresses what it writes anew.
fn remnant_bytes(values: Vec<Stored>) -> Result<u64, DbError> {
    let touched = None;
    let record = Record::Remnant(Remnant { touched, values });
    payload_bytes(&[record], Compression::Long)
}

/// How many bytes of the log records take that are put together.
pub(crate) fn frame_bytes(records: &[Record<Stored>]) -> Result<u64, DbError> {
    Ok(payload_bytes(records, Compression::None)?.saturating_add(FRAME_HEADER_BYTES))
}

fn payload_bytes(records: &[Record<Stored>], compression: Compression) -> Result<u64, DbError> {
    let payload = codec::encode(records, compression).map_err(|error| DbError::Unwritable {
        what: "what is left of a record".to_owned(),
        reason: error.to_string(),
    })?;
    Ok(u64::try_from(payload.len()).unwrap_or(u64::MAX))
}
