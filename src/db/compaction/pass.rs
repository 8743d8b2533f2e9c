//! One compaction from beginning to end.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::ops::ControlFlow;
use std::time::Duration;

use bytes::Bytes;
use twox_hash::XxHash3_64;

use crate::codec::{self, Compression, Record, Remnant, Stored};
use crate::db::compaction::CompactionReport;
use crate::db::compaction::accounting::key_of;
use crate::db::compaction::candidates::{Candidate, Worth, choose, runs};
use crate::db::compaction::engine::Engine;
use crate::db::compaction::marks::Marks;
use crate::db::compaction::pace::Pace;
use crate::db::compaction::remnants::Collecting;
use crate::db::compaction::rewrite::{Deletions, Rewriter};
use crate::db::view::DbSnapshot;
use crate::db::{DbError, Place};
use crate::index::{Branch, Needed};
use crate::log::{CompactOptions, Compaction, FrameAddress, Lsn, SegmentId, SegmentKind, Verdict};

/// So long it waits for those who read or write what they looked up before.
const PATIENCE: Duration = Duration::from_secs(5);
/// So often it begins again because what is to be changed is still being written to.
const ATTEMPTS: usize = 4;
/// So many rows are removed at a time.
const RECLAIMED: usize = 16;
/// That is as much work as to look at so many.
const RECLAIMED_AS: u64 = 64;

/// Says what becomes of a frame.
type Keep<'k> = dyn FnMut(FrameAddress, &[u8]) -> Result<Verdict, DbError> + 'k;

/// What is known when it is decided.
struct Known {
    snapshot: DbSnapshot,
    /// Everything below was applied then.
    as_of: u64,
    marks: Marks,
    /// Records that are to be standalone, and the branches of their checkpoints.
    alone: BTreeMap<u64, Vec<Branch>>,
}

impl Engine {
    /// Compacts what is worth it.
    pub(super) fn compact(
        &self,
        worth: Worth,
        bytes_per_second: u64,
    ) -> Result<CompactionReport, DbError> {
        let mut report = CompactionReport::default();
        let mut pace = Pace::new(self, bytes_per_second);
        self.stats.lock().running = true;
        let done = self.pass(worth, &mut pace, &mut report);
        let mut stats = self.stats.lock();
        stats.running = false;
        match &done {
            Err(_) if self.is_stopped() => {}
            Err(error) => {
                stats.failures += 1;
                stats.failure = Some(error.to_string());
            }
            Ok(()) => stats.failure = None,
        }
        drop(stats);
        done.map(|()| report)
    }

    /// Removes the rows that belong to no thread any more, few at a time. Whether to go on.
    pub(super) fn reclaim(&self, pace: &mut Pace<'_>) -> Result<ControlFlow<()>, DbError> {
        while self.indexed.view.reclaim(RECLAIMED)? > 0 {
            if pace.rows(RECLAIMED_AS).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn pass(
        &self,
        worth: Worth,
        pace: &mut Pace<'_>,
        report: &mut CompactionReport,
    ) -> Result<(), DbError> {
        if self.reclaim(pace)?.is_break() {
            report.incomplete = true;
            return Ok(());
        }
        if worth == Worth::Any {
            let segments = self.segments(&self.indexed.view.snapshot())?;
            let active = segments.last();
            if active.is_some_and(|active| active.stats.unpacked > 0) {
                self.roll()?;
            }
        }
        for _ in 0..ATTEMPTS {
            // So that hardly anything is on its way: what is not applied is needed.
            self.with_log(|log| Ok(log.wait()?))?;
            let (snapshot, as_of) = self.indexed.view.snapshot_as_of();
            let segments = self.segments(&snapshot)?;
            let chosen = choose(&segments, worth, self.segment_bytes);
            if chosen.is_empty() {
                return Ok(());
            }
            let refused = snapshot.refused()?;
            if !refused.is_empty() {
                self.drop_refused(&refused, &segments, pace, report)?;
                continue;
            }
            let from = chosen.first().map_or(as_of, |of| of.stats.id.base().get());
            let _closed = self.hot.contents().close(from..as_of);
            // Whoever is in an era that begins after this finds in memory only what is named here, shown by the snapshot or newer.
            let named = self.hot.named();
            if !self.eras.end(PATIENCE, || self.is_stopped()) {
                break;
            }
            if self.decided((snapshot, as_of), chosen, &named, pace, report)? {
                return Ok(());
            }
        }
        report.incomplete = true;
        Ok(())
    }

    /// Compacts what was chosen. Not if something is in the way, which then no longer is.
    fn decided(
        &self,
        (snapshot, as_of): (DbSnapshot, u64),
        mut chosen: Vec<Candidate>,
        named: &[u64],
        pace: &mut Pace<'_>,
        report: &mut CompactionReport,
    ) -> Result<bool, DbError> {
        // What made records dead must be as durable as they were.
        self.with_log(|log| Ok(log.sync_written()?))?;
        // An index file from before would not be followed by what is left.
        self.indexed.view.flush(as_of)?;
        let end = self.with_log(|log| Ok(log.next_lsn()))?;
        self.with_log(|log| Ok(log.wait()?))?;
        chosen.retain(|of| of.stats.end.get() <= as_of);
        let Some(from) = chosen.first().map(|of| of.stats.id.base().get()) else {
            return Ok(false);
        };
        let mut marks = Marks::new(from, end.get());
        let mut alone: BTreeMap<u64, Vec<Branch>> = BTreeMap::new();
        named.iter().for_each(|lsn| marks.set_values(*lsn));
        let mut with = |needed: Needed<'_, Place>| match needed {
            Needed::Record(lsn) => marks.set_live(lsn),
            Needed::Value(place) => marks.set_values(place.record.lsn().get()),
            // Branches that were merged share their rows.
            Needed::Standalone(lsn, branch) => alone.entry(lsn).or_default().push(branch),
        };
        if (snapshot.needed(from, &mut with, &mut || pace.rows(1))?).is_break() {
            report.incomplete = true;
            return Ok(true);
        }
        let mut segments = self.segments(&snapshot)?;
        segments.retain(|of| of.stats.end.get() > from && of.stats.id.base() < end);
        let of_alone = |of: &Candidate| {
            let range = of.stats.id.base().get()..of.stats.end.get();
            alone.range(range).next().is_some()
        };
        if let Some(active) = segments.last()
            && active.stats.kind == SegmentKind::Active
            && of_alone(active)
        {
            self.roll()?;
            return Ok(false);
        }
        let is_chosen = |of: &Candidate| chosen.iter().any(|one| one.stats.id == of.stats.id);
        let chosen: Vec<_> = (segments.iter())
            .filter(|of| is_chosen(of) || of_alone(of))
            .copied()
            .collect();
        if chosen.iter().any(|of| of.stats.end.get() > as_of) {
            return Ok(false);
        }
        let ids: Vec<_> = segments.iter().map(|of| of.stats.id).collect();
        if (self.sweep(&mut marks, &ids, (as_of, end), pace)?).is_break() {
            report.incomplete = true;
            return Ok(true);
        }
        self.forget_contents(&snapshot, &marks, as_of)?;
        let known = Known {
            snapshot,
            as_of,
            marks,
            alone,
        };
        self.begins(&chosen);
        // What is newer must not need any more what goes.
        for run in runs(&chosen, self.segment_bytes) {
            if self.is_stopped() || !self.compact_run(&run, &known, pace, report)? {
                report.incomplete = true;
                break;
            }
        }
        Ok(true)
    }

    /// Compacts a run of segments; not if it was stopped.
    fn compact_run(
        &self,
        run: &[Candidate],
        known: &Known,
        pace: &mut Pace<'_>,
        report: &mut CompactionReport,
    ) -> Result<bool, DbError> {
        let mut collecting = Collecting::new(&known.snapshot, &known.marks);
        let mut alone = Vec::new();
        for segment in run {
            let end = segment.stats.end;
            let with = |frame: FrameAddress, payload: &[u8]| {
                let unreadable = |error| DbError::unreadable_record(frame, 0, error);
                let mut number = 0;
                let noted = codec::decode(payload, |record| {
                    let lsn = frame.lsn.plus(u64::from(number)).get();
                    if let Some(branches) = known.alone.get(&lsn) {
                        let payload = Bytes::copy_from_slice(payload);
                        let record = codec::decode_one(&payload, number).map_err(unreadable)?;
                        alone.push((lsn, branches.as_slice(), record));
                    }
                    number += 1;
                    collecting.record(lsn, &record)
                });
                noted.map_err(unreadable)?.into_iter().collect()
            };
            if (self.frames(segment.stats.id, end, with, pace)?).is_break() {
                return Ok(false);
            }
        }
        let mut replaced = HashMap::new();
        let mut noted = Vec::new();
        for (lsn, branches, record) in alone {
            let keys = branches.iter().filter_map(|of| key_of(*of, &record));
            noted.extend(keys.map(|key| (lsn, key)));
            let Some(branch) = branches.first().copied() else {
                continue;
            };
            if let Some(record) = self.replacement(&known.snapshot, lsn, branch, record)? {
                replaced.insert(lsn, record);
            }
        }
        let mut rewriter = Rewriter {
            snapshot: &known.snapshot,
            marks: &known.marks,
            remnants: collecting.finish(),
            replaced,
            bound: 0,
            deletions: Deletions::of_run(
                (run.first()).map_or(Lsn::new(0), |first| first.stats.id.base()),
            ),
        };
        let as_of = Lsn::new(known.as_of);
        let keep = &mut |frame, payload: &[u8]| rewriter.verdict(frame, payload);
        let done = self.rewrite(run, as_of, pace, report, keep)?;
        if done {
            self.account(run, &known.snapshot, rewriter.bound)?;
            self.note_standalone(noted)?;
        }
        Ok(done)
    }

    fn replacement(
        &self,
        snapshot: &DbSnapshot,
        lsn: u64,
        branch: Branch,
        record: Record<Stored>,
    ) -> Result<Option<Record<Stored>>, DbError> {
        let Record::CheckpointPut(put) = record else {
            return Ok(None);
        };
        let entry = snapshot.of_branch(branch, &put.namespace, &put.id)?;
        let Some(entry) = entry.filter(|entry| entry.origin.lsn == lsn) else {
            return Ok(None);
        };
        Ok(Some(Record::CheckpointPut(self.standalone(put, &entry)?)))
    }

    /// Drops the records that were not taken, since they might be if they were applied to what is left.
    fn drop_refused(
        &self,
        refused: &[(u64, u64)],
        segments: &[Candidate],
        pace: &mut Pace<'_>,
        report: &mut CompactionReport,
    ) -> Result<(), DbError> {
        let of = |segment: &Candidate| -> Vec<(u64, u64)> {
            let range = segment.stats.id.base().get()..segment.stats.end.get();
            (refused.iter().copied())
                .filter(|(lsn, _)| range.contains(lsn))
                .collect()
        };
        for segment in segments {
            let refused = of(segment);
            if refused.is_empty() {
                continue;
            }
            if segment.stats.kind == SegmentKind::Active {
                self.roll()?;
                continue;
            }
            let mut left = 0;
            let keep = &mut |frame: FrameAddress, payload: &[u8]| {
                without(&refused, frame, payload, &mut left)
            };
            let run = std::slice::from_ref(segment);
            // Nothing else goes: whatever was known before is still so.
            if self.rewrite(run, Lsn::new(0), pace, report, keep)? {
                self.forget_refused(&refused, segment.stats.id, left)?;
            }
        }
        Ok(())
    }

    /// Begins a segment, so that the active one can be compacted. Puts wait for that: little is left to sync then.
    fn roll(&self) -> Result<(), DbError> {
        self.with_log(|log| Ok(log.sync_written().and_then(|()| log.roll())?))
    }

    fn rewrite(
        &self,
        run: &[Candidate],
        as_of: Lsn,
        pace: &mut Pace<'_>,
        report: &mut CompactionReport,
        keep: &mut Keep<'_>,
    ) -> Result<bool, DbError> {
        let ids: Vec<SegmentId> = run.iter().map(|of| of.stats.id).collect();
        let failed = RefCell::new(None);
        let compacted = self.with_log(|log| {
            let options = CompactOptions {
                as_of,
                pace: &mut |moved| {
                    self.moved(moved);
                    match *failed.borrow() {
                        None => pace.hold(moved),
                        Some(_) => ControlFlow::Break(()),
                    }
                },
                near: &mut |_, payload| near(payload),
            };
            let compacted = log.compact(&ids, options, &mut |frame, payload| {
                if failed.borrow().is_some() {
                    return Verdict::Keep;
                }
                keep(frame, payload).unwrap_or_else(|error| {
                    *failed.borrow_mut() = Some(error);
                    Verdict::Keep
                })
            });
            Ok(compacted?)
        })?;
        if let Some(error) = failed.into_inner() {
            return Err(error);
        }
        let Compaction::Done {
            bytes_before,
            bytes_after,
            kept,
            dropped,
        } = compacted
        else {
            return Ok(false);
        };
        let mut stats = self.stats.lock();
        stats.segments += ids.len() as u64;
        stats.bytes_before += bytes_before;
        stats.bytes_after += bytes_after;
        drop(stats);
        report.segments_before += ids.len() as u64;
        report.segments_after += 1;
        report.bytes_before += bytes_before;
        report.bytes_after += bytes_after;
        report.kept += kept;
        report.dropped += dropped;
        Ok(true)
    }
}

/// A number for the thread that a frame is about: what is needed of it is read together.
fn near(payload: &[u8]) -> u64 {
    codec::thread_of(payload).map_or(0, |thread| XxHash3_64::oneshot(thread.as_bytes()))
}

/// A frame without the records that were not taken. Their values stay for now: what was put after them may be made of them.
/// They are counted to what is `left`.
fn without(
    refused: &[(u64, u64)],
    frame: FrameAddress,
    payload: &[u8],
    left: &mut u64,
) -> Result<Verdict, DbError> {
    let lsns = frame.lsn.get()..frame.end().get();
    let Some((first, _)) = refused.iter().find(|(lsn, _)| lsns.contains(lsn)) else {
        return Ok(Verdict::Keep);
    };
    let unreadable = |error| DbError::unreadable_record(frame, 0, error);
    let mut records = codec::decode_all(&Bytes::copy_from_slice(payload)).map_err(unreadable)?;
    let share = u64::from(frame.payload_len) / u64::from(frame.records.max(1));
    let mut is_needed = *first > lsns.start;
    for (_, record) in lsns.zip(&mut records).filter(|(lsn, _)| lsn >= first) {
        let refused = mem::replace(record, Record::Remnant(Remnant::default()));
        let values = refused.into_values();
        if !values.is_empty() {
            is_needed = true;
            *left = left.saturating_add(share);
            let touched = None;
            *record = Record::Remnant(Remnant { touched, values });
        }
    }
    if !is_needed {
        return Ok(Verdict::Drop);
    }
    let payload = codec::encode(&records, Compression::None).map_err(unreadable)?;
    Ok(Verdict::Replace(payload))
}
