//! How many bytes of the log come back when records are needed no more.

use std::collections::{HashMap, HashSet};

use crate::codec::{self, Compression, Record, Remnant, Stored};
use crate::db::place::{At, ValueId};
use crate::db::reader::{Walking, follow};
use crate::db::{DbError, Place, Reader};
use crate::index::Lost;
use crate::log::{FRAME_HEADER_BYTES, SegmentStats};

/// How many bytes come back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Returned {
    /// Of the records, before compression.
    pub(crate) bytes: u64,
    /// Of the log's files.
    pub(crate) on_disk: u64,
}

impl Returned {
    fn add(&mut self, more: Self) {
        self.bytes = self.bytes.saturating_add(more.bytes);
        self.on_disk = self.on_disk.saturating_add(more.on_disk);
    }

    /// What is left of it if so much is written for it.
    pub(crate) fn less(self, written: u64) -> Self {
        Self {
            bytes: self.bytes.saturating_sub(written),
            on_disk: self.on_disk.saturating_sub(written),
        }
    }
}

/// How many bytes come back when records are needed no more. First it is to be told what stays.
pub(crate) struct Freed<'f> {
    reader: &'f Reader,
    lost: &'f Lost,
    /// The segments of the log.
    segments: &'f [SegmentStats],
    /// What is older stays, whatever is lost.
    own_from: u64,
    seen: HashSet<ValueId>,
    /// The records that stay, with all that they have.
    live: HashSet<u64>,
    /// Those of which the values stay, and how long these are.
    bound: HashMap<u64, u64>,
    /// What comes back of values whose records had gone before.
    unbound: Returned,
}

impl<'f> Freed<'f> {
    /// If the records that are `lost` were all that goes. Of those below `own_from` none comes back that is not among them.
    pub(crate) fn new(
        reader: &'f Reader,
        lost: &'f Lost,
        segments: &'f [SegmentStats],
        own_from: u64,
    ) -> Self {
        Self {
            reader,
            lost,
            segments,
            own_from,
            seen: HashSet::new(),
            live: HashSet::new(),
            bound: HashMap::new(),
            unbound: Returned::default(),
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
                let returned = this.returned(lsn, bytes.saturating_add(FRAME_HEADER_BYTES));
                this.unbound.add(returned);
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

    /// What comes back.
    pub(crate) fn sum(&self) -> Returned {
        let mut sum = self.unbound;
        for record in self.lost.records() {
            let bytes = match self.bound.get(&record.lsn) {
                Some(bound) => record.bytes.saturating_sub(*bound),
                None => record.bytes.saturating_add(FRAME_HEADER_BYTES),
            };
            sum.add(self.returned(record.lsn, bytes));
        }
        sum
    }

    /// So many bytes of a record, and their share of the segment that it is in now.
    fn returned(&self, lsn: u64, bytes: u64) -> Returned {
        let after = (self.segments).partition_point(|segment| segment.id.base().get() <= lsn);
        let segment = after.checked_sub(1).and_then(|at| self.segments.get(at));
        let on_disk = segment.map_or(bytes, |segment| {
            let share = u128::from(bytes) * u128::from(segment.bytes);
            let share = share / u128::from(segment.unpacked.max(1));
            u64::try_from(share).unwrap_or(u64::MAX).min(bytes)
        });
        Returned { bytes, on_disk }
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
