//! [`Rescue`]: decides record by record what becomes of a damaged log.
//!
//! Records keep their LSNs and values their numbers, so that whatever names a value that is whole still finds it. A
//! value only depends on older ones, so one pass in the order of the log is enough.

use std::collections::{BTreeSet, HashMap};

use bytes::Bytes;

use crate::codec::{
    self, CheckpointPut, CodecError, Compression, ItemDeleted, Record, Stored, Versions,
};
use crate::db::Place;
use crate::db::applying::apply_one;
use crate::db::decoded::require_count;
use crate::db::salvage::hiding::{hide, placeholder};
use crate::db::salvage::moot::Moot;
use crate::db::salvage::readable::Readable;
use crate::db::salvage::regaining::Regaining;
use crate::db::salvage::{LostValue, LostWrites, SalvageReport};
use crate::index::{
    Entry, Held, Index, Key, MemTables, Reason, Refused, Row, Selection, Snapshot, TablesError,
    Unapplied,
};
use crate::log::{FrameAddress, Lost, Lsn, ReplayError, Verdict};

/// What is known of the records so far.
pub(super) struct Rescue {
    index: Index<Place, MemTables<Key, Row<Place>>>,
    readable: Readable,
    /// The first record that is lost.
    lost_from: Option<Lsn>,
    regaining: Regaining,
    moot: Moot,
    report: SalvageReport,
}

impl Rescue {
    pub(super) fn new(lost_from: Option<Lsn>, as_of: Lsn) -> Self {
        let mut index = Index::default();
        // The new log says so as well.
        index.be_sure_below(as_of.get());
        Self {
            index,
            readable: Readable::default(),
            lost_from,
            regaining: Regaining::default(),
            moot: Moot::default(),
            report: SalvageReport::default(),
        }
    }

    /// What becomes of a frame. A record that a newer version wrote ends it all.
    pub(super) fn frame(
        &mut self,
        frame: FrameAddress,
        payload: &[u8],
    ) -> Result<Verdict, ReplayError> {
        let decoded = codec::decode_all(&Bytes::copy_from_slice(payload));
        let counted = decoded.and_then(|records| {
            require_count(frame, records.len())?;
            Ok(records)
        });
        let records = match counted {
            Ok(records) => records,
            Err(error @ CodecError::Unknown { .. }) => return Err(error.into()),
            Err(error) => {
                self.lost_from = Some(self.lost_from.map_or(frame.lsn, |lsn| lsn.min(frame.lsn)));
                self.report.lost_records.push(Lost {
                    lsns: frame.lsn..frame.end(),
                    segment: frame.segment,
                    offset: frame.offset,
                    reason: error.to_string(),
                });
                return Ok(Verdict::Drop);
            }
        };
        self.readable.begin(frame);
        self.report.frames += 1;
        let mut kept = Vec::with_capacity(records.len());
        let (mut changed, mut refused) = (false, false);
        for (number, mut record) in (0..).zip(records) {
            let is_mended = self.mend(frame, number, &mut record)?;
            changed |= is_mended;
            if !refused {
                changed |= self.apply(frame, number, &mut record, &mut refused)?;
            }
            if !is_mended && !refused {
                self.moot.kept(&record, &self.report);
            }
            kept.push(record);
        }
        if !changed {
            return Ok(Verdict::Keep);
        }
        Ok(Verdict::Replace(codec::encode(&kept, Compression::None)?))
    }

    /// Takes from a record what is lost; whether anything is.
    fn mend(
        &mut self,
        frame: FrameAddress,
        number: u32,
        record: &mut Record<Stored>,
    ) -> Result<bool, TablesError> {
        let lsn = frame.lsn.plus(u64::from(number)).get();
        let values = record.clone().into_values();
        let mut broken = BTreeSet::new();
        for (value, of) in (0_u32..).zip(&values) {
            if !self.readable.add(frame, number, value, of) {
                broken.insert(value);
            }
        }
        if broken.is_empty() {
            return Ok(false);
        }
        match record {
            Record::CheckpointPut(put) => {
                // What is hidden is a channel of its own, which its parent does not have.
                self.make_whole(put, lsn)?;
                for channel in hide(put, &broken) {
                    let lost = value_of(&put.thread, &put.namespace, &put.id, &channel);
                    self.report.lost_values.push(lost);
                }
            }
            Record::WritesPut(put) => {
                self.readable.forget(frame, number, values.len());
                // Without one of its writes a task would pass for finished.
                put.writes.clear();
                self.report.lost_writes.push(LostWrites {
                    thread: put.thread.clone(),
                    namespace: put.namespace.clone(),
                    checkpoint: put.checkpoint_id.clone(),
                    task: put.task_id.clone(),
                });
            }
            Record::ItemPut(put) => {
                self.readable.forget(frame, number, values.len());
                self.moot.lost_item(&put.namespace, &put.key);
                *record = Record::ItemDeleted(ItemDeleted {
                    namespace: std::mem::take(&mut put.namespace),
                    key: std::mem::take(&mut put.key),
                    at: None,
                });
            }
            Record::Remnant(remnant) => {
                for (number, value) in (0..).zip(&mut remnant.values) {
                    if broken.contains(&number) {
                        *value = placeholder();
                    }
                }
            }
            _ => {}
        }
        Ok(true)
    }

    /// Applies a record to the index, as opening the new database will; whether it had to be changed for that.
    fn apply(
        &mut self,
        frame: FrameAddress,
        number: u32,
        record: &mut Record<Stored>,
        refused: &mut bool,
    ) -> Result<bool, TablesError> {
        let is_after_loss = self.lost_from.is_some_and(|lsn| lsn <= frame.lsn);
        let mut changed = false;
        if let Record::CheckpointsPruned(pruned) = record
            && let Some(thread) = self.snapshot().thread(&pruned.thread)?
            && is_after_loss
            && thread.life.lsn < pruned.as_of
        {
            // The thread's last change before it is lost.
            pruned.as_of = thread.life.lsn;
            changed = true;
        }
        let mut applied = self.try_apply(frame, number, record);
        let mut lacks_versions = false;
        if let Record::CheckpointPut(put) = record
            && matches!(put.versions, Versions::Changed(_))
            && is_after_loss
            && lacks_parent(&applied)
        {
            lacks_versions = !self.make_whole(put, frame.lsn.plus(u64::from(number)).get())?;
            changed = true;
            applied = self.try_apply(frame, number, record);
        }
        let Record::CheckpointPut(put) = record else {
            *refused = is_refused(applied)?;
            return Ok(changed);
        };
        let stands_alone = match &applied {
            Ok(()) if put.standalone || !is_after_loss => false,
            Ok(()) if lacks_versions => true,
            Ok(()) => !self.trusts_what_was_found(put)?,
            // Its parent was pruned later than it was put, or nobody can tell.
            Err(_) => is_after_loss && lacks_parent(&applied),
        };
        if !stands_alone {
            *refused = is_refused(applied)?;
            return Ok(changed);
        }
        self.make_whole(put, frame.lsn.plus(u64::from(number)).get())?;
        put.standalone = true;
        let (thread, namespace, id) = (put.thread.clone(), put.namespace.clone(), put.id.clone());
        let applied = self.try_apply(frame, number, record);
        *refused = is_refused(applied)?;
        if let Some(entry) = self.snapshot().entry(&thread, &namespace, &id)? {
            for channel in unknown(&entry) {
                self.report
                    .lost_values
                    .push(value_of(&thread, &namespace, &id, channel));
            }
        }
        Ok(true)
    }

    /// Gives a checkpoint versions that do not need its parent; whether they are all that it had.
    fn make_whole(
        &mut self,
        put: &mut CheckpointPut<Stored>,
        lsn: u64,
    ) -> Result<bool, TablesError> {
        if matches!(put.versions, Versions::Whole { .. }) {
            return Ok(true);
        }
        let regained = self.regaining.regain(&self.index.snapshot(), put, lsn)?;
        let lost = (regained.lost.iter())
            .map(|channel| value_of(&put.thread, &put.namespace, &put.id, channel));
        self.report.lost_values.extend(lost);
        Ok(regained.is_all)
    }

    /// Whether a checkpoint that was just put may keep what it has of other checkpoints than its parent. Values are found by
    /// channel and version then, which is right unless the namespace has several of them. Notes which those are.
    fn trusts_what_was_found(&mut self, put: &CheckpointPut<Stored>) -> Result<bool, TablesError> {
        let snapshot = self.snapshot();
        let (thread, namespace) = (put.thread.as_str(), put.namespace.as_str());
        let Some(entry) = snapshot.entry(thread, namespace, &put.id)? else {
            return Ok(true);
        };
        let parent = match &put.parent_id {
            Some(parent) => snapshot.entry(thread, namespace, parent)?,
            None => return Ok(true),
        };
        if parent.is_none() {
            let lost = unknown(&entry).map(|channel| value_of(thread, namespace, &put.id, channel));
            self.report.lost_values.extend(lost);
        }
        if !entry.scanned {
            return Ok(true);
        }
        let found = entry.channels().iter().filter(|channel| {
            let own = put.unchanged.contains_key(&*channel.name)
                || (put.changed.iter())
                    .any(|own| *own.channel == *channel.name && own.version == channel.version);
            let of_parent = (parent.as_ref())
                .is_some_and(|parent| parent.known(&channel.name, &channel.version).is_some());
            matches!(channel.held, Held::Value(_)) && !own && !of_parent
        });
        let found: Vec<_> = found.collect();
        let mut values = HashMap::new();
        let mut list = snapshot.list(&Selection {
            thread: Some(thread),
            namespace: Some(namespace),
            before: None,
        })?;
        while let Some(other) = list.next(false, |_| true)? {
            for channel in &found {
                if let Some(Held::Value(place)) = other.entry.known(&channel.name, &channel.version)
                {
                    let name = (place.lsn(), place.value);
                    if *values.entry(&channel.name).or_insert(name) != name {
                        return Ok(false);
                    }
                }
            }
        }
        let assumed = found
            .iter()
            .map(|found| value_of(thread, namespace, &put.id, &found.name));
        self.report.assumed_values.extend(assumed);
        Ok(true)
    }

    fn try_apply(
        &mut self,
        frame: FrameAddress,
        number: u32,
        record: &Record<Stored>,
    ) -> Result<(), Unapplied> {
        apply_one(&mut self.index, frame, number, record.clone().numbered())
    }

    fn snapshot(&self) -> Snapshot<Place, MemTables<Key, Row<Place>>> {
        self.index.snapshot()
    }

    /// What was kept, and what is lost besides the records `lost`.
    pub(super) fn finish(mut self, lost: Vec<Lost>) -> Result<SalvageReport, TablesError> {
        let snapshot = self.snapshot();
        let counts = snapshot.counts()?;
        (self.report.threads, self.report.checkpoints) = (counts.threads, counts.checkpoints);
        self.report.items = counts.items;
        self.report.lost_records.extend(lost);
        self.report.lost_records.sort_by_key(|lost| lost.lsns.start);
        self.moot.sort_out(&mut self.report, &snapshot)?;
        self.report.lost_values.sort();
        self.report.lost_values.dedup();
        Ok(self.report)
    }
}

/// The channels of which nothing is known.
fn unknown(entry: &Entry<Place>) -> impl Iterator<Item = &str> {
    let channels = entry.channels().iter();
    let unknown = channels.filter(|channel| matches!(channel.held, Held::Unknown));
    unknown.map(|channel| &*channel.name)
}

fn value_of(thread: &str, namespace: &str, checkpoint: &str, channel: &str) -> LostValue {
    LostValue {
        thread: thread.to_owned(),
        namespace: namespace.to_owned(),
        checkpoint: checkpoint.to_owned(),
        channel: channel.to_owned(),
    }
}

/// Whether a checkpoint was not taken for want of its parent as it was.
fn lacks_parent(applied: &Result<(), Unapplied>) -> bool {
    matches!(
        applied,
        Err(Unapplied::Refused(Refused {
            reason: Reason::Pruned { .. } | Reason::Replaced { .. },
            ..
        }))
    )
}

fn is_refused(applied: Result<(), Unapplied>) -> Result<bool, TablesError> {
    match applied {
        Ok(()) => Ok(false),
        Err(Unapplied::Refused(_)) => Ok(true),
        Err(Unapplied::Tables(error)) => Err(error),
    }
}
