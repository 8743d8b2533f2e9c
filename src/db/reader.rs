//! [`Reader`]: values from their places in the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;

use crate::Encoded;
use crate::codec::{self, Alias, Delta, Stored, Value};
use crate::db::compaction::Entered;
use crate::db::place::{At, Place};
use crate::db::{Db, DbError};
use crate::delta::{MAX_LINKS, Rope, Weight};
use crate::log::{FrameAddress, Lsn, Window};

/// More places than lie between any value and the bytes that it is made of: its deltas, and an alias before each.
pub(super) const MAX_HOPS: u32 = 2 * MAX_LINKS;

/// The payload of a frame of several records is kept for the next one of them, unless it is longer.
const KEPT_PAYLOAD: usize = 8 << 20;

/// What was read on the way from one value to what it is made of.
#[derive(Default)]
pub(super) struct Walking {
    used: Records,
    window: Window,
}

/// The first values of records, or all, by the record's LSN.
type Records = BTreeMap<Lsn, Arc<[Stored]>>;

/// A value that was read.
enum Read {
    /// Its bytes lie in those of a record.
    Lies(Encoded),
    /// It was put together.
    Made(Encoded),
}

impl Read {
    fn value(&self) -> &Encoded {
        match self {
            Self::Lies(value) | Self::Made(value) => value,
        }
    }

    fn into_value(self) -> Encoded {
        match self {
            Self::Lies(value) | Self::Made(value) => value,
        }
    }
}

/// Reads values. It is made before the places are looked up that it reads. What one call read, the next need not read again: neighbours in a thread's history
/// share most of their values.
#[derive(Debug)]
pub(crate) struct Reader {
    db: Db,
    _entered: Entered,
    /// The records that the last call used.
    last: Records,
    /// The last frame of several records.
    frame: Mutex<Option<(Lsn, Bytes)>>,
    /// Whether what is read is kept for other readers.
    keeps: bool,
}

impl Reader {
    pub(super) fn new(db: Db) -> Self {
        Self {
            _entered: db.enter(),
            db,
            last: Records::new(),
            frame: Mutex::default(),
            keeps: false,
        }
    }

    /// Keeps what it reads for other readers.
    pub(crate) fn keeping(mut self) -> Self {
        self.keeps = true;
        self
    }

    /// The values at `places`, in their order.
    pub(crate) fn values<'p>(
        &mut self,
        places: impl IntoIterator<Item = &'p Place>,
    ) -> Result<Vec<Encoded>, DbError> {
        let mut used = Records::new();
        let values = places
            .into_iter()
            .map(|place| self.kept_or_read(&mut used, place.into()));
        let values = values.collect::<Result<_, _>>()?;
        self.last = used;
        Ok(values)
    }

    /// A value as it is stored, on the way along what it is made of.
    pub(super) fn walk(&self, walking: &mut Walking, at: At) -> Result<Stored, DbError> {
        self.stored(&mut walking.used, at, Some(&mut walking.window))
    }

    /// All values of the record at `at`.
    pub(super) fn values_of(&self, at: At) -> Result<Vec<Stored>, DbError> {
        let payload = self.payload(at.frame, None)?;
        let record = codec::decode_one(&payload, at.record).map_err(|e| unreadable(at, e))?;
        Ok(record.into_values())
    }

    /// One value.
    pub(super) fn value(&mut self, at: At) -> Result<Encoded, DbError> {
        let mut used = Records::new();
        let value = self.kept_or_read(&mut used, at);
        self.last = used;
        value
    }

    /// Puts a value together from the log, whatever is kept in memory of it.
    pub(super) fn checked(&mut self, at: At) -> Result<Encoded, DbError> {
        let mut used = Records::new();
        let read = self.read_value(&mut used, at)?;
        self.last = used;
        Ok(read.into_value())
    }

    /// Where a value is that may be an alias, and what it takes to read it.
    pub(super) fn resolved(&mut self, mut at: At) -> Result<(At, Weight), DbError> {
        let mut used = Records::new();
        let weight = loop {
            match self.stored(&mut used, at, None)? {
                Value::Whole(whole) => break Weight::whole(wide(whole.bytes().len())),
                Value::Delta(delta) => break delta.weight,
                Value::Alias(alias) => at = follow(at, alias.of)?,
            }
        };
        self.last = used;
        Ok((at, weight))
    }

    /// The values at `places` as another record may name them.
    pub(crate) fn aliases<'p>(
        &mut self,
        places: impl IntoIterator<Item = &'p Place>,
    ) -> Result<Vec<Stored>, DbError> {
        let aliases = places.into_iter().map(|place| {
            let (at, weight) = self.resolved(place.into())?;
            Ok(Value::Alias(Alias {
                of: at.named(),
                weight,
            }))
        });
        aliases.collect()
    }

    fn kept_or_read(&self, used: &mut Records, at: At) -> Result<Encoded, DbError> {
        let values = self.db.hot().values();
        // What the log has lost must not look as if it were there.
        if !self.db.has_failed()?
            && let Some(value) = values.get(at.id())
        {
            return Ok(value);
        }
        let read = self.read_value(used, at)?;
        if !self.keeps || !values.takes(read.value()) {
            return Ok(read.into_value());
        }
        let value = match read {
            // A record's bytes may be many more than this value's, and all would stay as long as it does.
            Read::Lies(value) => value.copied(),
            Read::Made(value) => value,
        };
        values.insert(at.id(), value.clone());
        Ok(value)
    }

    /// The value, followed through its bases to one that is whole and put together from there.
    fn read_value(&self, used: &mut Records, mut at: At) -> Result<Read, DbError> {
        let mut chain: Vec<(At, Delta<Bytes>)> = Vec::new();
        let mut window = Window::default();
        let mut hops = 0;
        let whole = loop {
            hops += 1;
            if hops > MAX_HOPS {
                return Err(unreadable(
                    at,
                    format!("it is more than {MAX_HOPS} places away"),
                ));
            }
            // A single delta is as soon read as what lies around it.
            let near = (chain.len() > 1).then_some(&mut window);
            match self.stored(used, at, near)? {
                Value::Whole(whole) => break whole,
                Value::Alias(alias) => at = follow(at, alias.of)?,
                Value::Delta(delta) => {
                    let base = follow(at, delta.base)?;
                    if chain.is_empty() {
                        window = Window::over(delta.weight.links);
                    }
                    // They lie between the value and its base, so now is when they are read best.
                    for source in &delta.sources {
                        self.stored(used, follow(at, *source)?, Some(&mut window))?;
                    }
                    chain.push((at, delta));
                    at = base;
                }
            }
        };
        if chain.is_empty() {
            return Ok(Read::Lies(whole));
        }
        let mut rope = Rope::new(whole.bytes().clone());
        while let Some((at, delta)) = chain.pop() {
            let sources = delta.sources.iter().map(|source| {
                match self.stored(used, follow(at, *source)?, None)? {
                    Value::Whole(whole) => Ok(whole.bytes().clone()),
                    Value::Delta(_) | Value::Alias(_) => {
                        Err(unreadable(at, "a source of its delta is not stored whole"))
                    }
                }
            });
            let sources = sources.collect::<Result<Vec<_>, _>>()?;
            rope.apply(&delta.ops, &sources, delta.weight.length)
                .map_err(|e| unreadable(at, e))?;
        }
        let read = match rope.is_one_piece() {
            true => Read::Lies,
            false => Read::Made,
        };
        Ok(read(Encoded::new(whole.tag(), rope.into_bytes())))
    }

    fn stored(
        &self,
        used: &mut Records,
        at: At,
        near: Option<&mut Window>,
    ) -> Result<Stored, DbError> {
        let number = usize::try_from(at.value).unwrap_or(usize::MAX);
        let known = used.get(&at.lsn()).or_else(|| self.last.get(&at.lsn()));
        let of_record = match known.filter(|known| number < known.len()) {
            Some(known) => Arc::clone(known),
            None => self.read(at, near)?,
        };
        let value = of_record.get(number).cloned();
        let value = value.ok_or_else(|| unreadable(at, format!("it has no value {}", at.value)))?;
        used.insert(at.lsn(), of_record);
        Ok(value)
    }

    /// Reads the values of a record as far as the one at `at`, with what lies in front of it if others that do are wanted next.
    fn read(&self, at: At, near: Option<&mut Window>) -> Result<Arc<[Stored]>, DbError> {
        let payload = self.payload(at.frame, near)?;
        let values = codec::values_to(&payload, at.record, at.value);
        Ok(values.map_err(|e| unreadable(at, e))?.into())
    }
}

impl Reader {
    fn payload(&self, frame: FrameAddress, near: Option<&mut Window>) -> Result<Bytes, DbError> {
        if frame.records == 1 {
            return self.db.frame(frame, near);
        }
        let mut last = self.frame.lock();
        if let Some((lsn, payload)) = &*last
            && *lsn == frame.lsn
        {
            return Ok(payload.clone());
        }
        let payload = self.db.frame(frame, near)?;
        let is_short = payload.len() <= KEPT_PAYLOAD;
        *last = is_short.then(|| (frame.lsn, payload.clone()));
        Ok(payload)
    }
}

/// The place that the value at `at` names. It is that of an older record, or in front of it in its own, so following places
/// comes to an end.
pub(super) fn follow(at: At, place: codec::Place) -> Result<At, DbError> {
    let named = At::of(at.frame, place);
    if named.record < named.frame.records && named.id() < at.id() {
        Ok(named)
    } else {
        Err(unreadable(
            at,
            "it names a value that is in no older record and not in front of it",
        ))
    }
}

fn unreadable(at: At, reason: impl ToString) -> DbError {
    DbError::unreadable_record(at.frame, at.record, reason)
}

fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
