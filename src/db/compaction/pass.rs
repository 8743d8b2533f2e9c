//! One compaction from beginning to end.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::mem;
use std::ops::ControlFlow;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::codec::{self, Compression, Record, Remnant, Stored};
use crate::db::compaction::CompactionReport;
use crate::db::compaction::accounting::key_of;
use crate::db::compaction::candidates::{Candidate, Worth, choose, runs};
use crate::db::compaction::engine::Engine;
use crate::db::compaction::marks::Marks;
use crate::db::compaction::remnants::Collecting;
use crate::db::compaction::rewrite::Rewriter;
use crate::db::view::DbSnapshot;
use crate::db::{DbError, Place};
use crate::index::{Branch, Needed};
use crate::log::{CompactOptions, Compaction, FrameAddress, Lsn, SegmentId, SegmentKind, Verdict};

/// So long it waits for those who read or write what they looked up before.
const PATIENCE: Duration = Duration::from_secs(5);
/// So often it begins again because what is to be changed is still being written to.
const ATTEMPTS: usize = 4;
/// So many rows are removed at a time.
const RECLAIMED: usize = 64;

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

/// Holds the pace.
struct Pace<'p> {
    engine: &'p Engine,
    bytes_per_second: u64,
    begun: Instant,
    moved: u64,
}

impl Engine {
    /// Compacts what is worth it.
    pub(super) fn compact(
        &self,
        worth: Worth,
        bytes_per_second: u64,
    ) -> Result<CompactionReport, DbError> {
        let _one = self.running.lock();
        let mut report = CompactionReport::default();
        let mut pace = Pace {
            engine: self,
            bytes_per_second,
            begun: Instant::now(),
            moved: 0,
        };
        while !self.is_stopped() && self.indexed.view.reclaim(RECLAIMED)? > 0 {}
        if worth == Worth::Any {
            let segments = self.segments(&self.indexed.view.snapshot())?;
            let active = segments.last();
            if active.is_some_and(|active| active.used.dead > 0) {
                self.with_log(|log| Ok(log.roll()?))?;
            }
        }
        for _ in 0..ATTEMPTS {
            // What is put from then on builds on nothing that was known before, but on what the snapshot shows.
            let (snapshot, as_of) = self.hot.forget_all(|| {
                self.with_log(|log| Ok(log.wait()?))?;
                Ok::<_, DbError>(self.indexed.view.snapshot_as_of())
            })?;
            let segments = self.segments(&snapshot)?;
            let chosen = choose(&segments, worth, self.segment_bytes);
            if chosen.is_empty() {
                return Ok(report);
            }
            let refused = snapshot.refused()?;
            if !refused.is_empty() {
                self.drop_refused(&refused, &segments, &mut pace, &mut report)?;
                continue;
            }
            if !self.eras.end(PATIENCE, || self.is_stopped()) {
                break;
            }
            if self.decided(snapshot, as_of, chosen, &mut pace, &mut report)? {
                return Ok(report);
            }
        }
        report.incomplete = true;
        Ok(report)
    }

    /// Compacts what was chosen. Not if something is in the way, which then no longer is.
    fn decided(
        &self,
        snapshot: DbSnapshot,
        as_of: u64,
        mut chosen: Vec<Candidate>,
        pace: &mut Pace<'_>,
        report: &mut CompactionReport,
    ) -> Result<bool, DbError> {
        // What made records dead must be as durable as they were.
        self.with_log(|log| Ok(log.sync()?))?;
        let end = self.with_log(|log| Ok(log.next_lsn()))?;
        chosen.retain(|of| of.stats.end.get() <= as_of);
        let Some(from) = chosen.first().map(|of| of.stats.id.base().get()) else {
            return Ok(false);
        };
        let mut marks = Marks::new(from, end.get());
        let mut alone: BTreeMap<u64, Vec<Branch>> = BTreeMap::new();
        snapshot.needed(from, &mut |needed: Needed<'_, Place>| match needed {
            Needed::Record(lsn) => marks.set_live(lsn),
            Needed::Value(place) => marks.set_values(place.record.lsn().get()),
            // Branches that were merged share their rows.
            Needed::Standalone(lsn, branch) => alone.entry(lsn).or_default().push(branch),
        })?;
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
            self.with_log(|log| Ok(log.roll()?))?;
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
        self.sweep(&mut marks, &ids, as_of, end)?;
        let known = Known {
            snapshot,
            as_of,
            marks,
            alone,
        };
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
            let mut failed = None;
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
            self.frames(segment.stats.id, end, with, &mut failed)?;
            if let Some(failed) = failed {
                return Err(failed);
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
                self.with_log(|log| Ok(log.roll()?))?;
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
                pace: &mut |moved| match *failed.borrow() {
                    None => pace.hold(moved),
                    Some(_) => ControlFlow::Break(()),
                },
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
        let mut totals = self.totals.lock();
        totals.runs += 1;
        totals.bytes_before += bytes_before;
        totals.bytes_after += bytes_after;
        drop(totals);
        report.segments_before += ids.len() as u64;
        report.segments_after += 1;
        report.bytes_before += bytes_before;
        report.bytes_after += bytes_after;
        report.kept += kept;
        report.dropped += dropped;
        Ok(true)
    }
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

impl Pace<'_> {
    fn hold(&mut self, moved: u64) -> ControlFlow<()> {
        self.moved = self.moved.saturating_add(moved);
        let due = u128::from(self.moved) * 1_000_000 / u128::from(self.bytes_per_second.max(1));
        let due = Duration::from_micros(u64::try_from(due).unwrap_or(u64::MAX));
        while !self.engine.is_stopped() {
            match due.checked_sub(self.begun.elapsed()) {
                Some(early) => thread::sleep(early.min(Duration::from_millis(20))),
                None => return ControlFlow::Continue(()),
            }
        }
        ControlFlow::Break(())
    }
}
