//! Compaction: a run of sealed segments becomes one that holds what is to be kept of them.
//!
//! It works beside readers and writers, on files that nobody changes. Which frames are kept is for
//! others to say. Why a crash at any point is harmless: `docs/format.md`.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::chain::SegmentInfo;
use super::directory::new_salt;
use super::frame::frame_bytes;
use super::packed_writer::{PackedWriter, ToPack};
use super::scan::SegmentScan;
use super::sealed::{Sealed, SealedFrame};
use super::segment::Segment;
use super::segment_header::{Kind, SegmentHeader};
use super::shared::Shared;
use super::verdict::{CompactOptions, Compaction, Verdict};
use super::{FrameAddress, LogError, Lsn, MAX_FRAME_BYTES, SegmentId};

/// So many bytes are read and written between two calls of the pace.
const PACED: u64 = 256 * 1024;

/// Adjacent sealed segments.
struct Run {
    segments: Vec<SegmentInfo>,
    /// The base of the segment behind them.
    end: u64,
}

impl Run {
    /// The base of the segment behind the one with this number.
    fn end_of(&self, number: usize) -> u64 {
        let next = self.segments.get(number + 1);
        next.map_or(self.end, |next| next.header.base)
    }
}

/// What a compaction has counted.
#[derive(Default)]
struct Counts {
    kept: u64,
    dropped: u64,
    /// Bytes since the last call of the pace.
    moved: u64,
}

impl<T: Send + 'static> Shared<T> {
    /// See [`Log::compact`](super::Log::compact).
    pub(super) fn compact(
        &self,
        ids: &[SegmentId],
        options: CompactOptions<'_>,
        keep: &mut dyn FnMut(FrameAddress, &[u8]) -> Verdict,
    ) -> Result<Compaction, LogError> {
        let _one_at_a_time = self.compacting.lock();
        let durable = {
            let state = self.state.lock();
            if let Some(error) = state.poisoned() {
                return Err(error);
            }
            state.durable
        };
        if options.as_of.get() > durable {
            return Err(LogError::NotCompactable {
                reason: format!(
                    "this counts on records below {}, but only those below {durable} are known to be durable",
                    options.as_of
                ),
            });
        }
        let run = self.run_of(ids)?;
        let mut opened = Vec::with_capacity(ids.len());
        for info in &run.segments {
            // It cannot have been replaced: nobody else compacts.
            opened.extend(self.segments.open(info)?);
        }
        self.segments.pin(&opened);
        let compacted = self.compact_run(&run, &opened, options, keep);
        self.segments.unpin(ids);
        compacted
    }

    /// See [`Log::frames`](super::Log::frames).
    pub(super) fn frames(
        &self,
        id: SegmentId,
        end: Lsn,
        with: &mut dyn FnMut(FrameAddress, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), LogError> {
        let gone = || LogError::NotCompactable {
            reason: format!("there is no segment {id}"),
        };
        let (segment, end) = loop {
            let (info, next) = self.segments.covering(id.base()).ok_or_else(gone)?;
            if info.id() != id {
                return Err(gone());
            }
            let end = match info.header.kind {
                Kind::Compacted { end, .. } => end,
                Kind::Ordinary => next.unwrap_or(end.get()).min(end.get()),
            };
            if let Some(segment) = self.segments.open(&info)? {
                break (segment, end);
            }
        };
        let scan = SegmentScan::new(Arc::clone(&segment.file), &segment.path)?;
        let mut sealed = Sealed::new(scan, segment.header, end)?;
        while let Some(frame) = sealed.next()? {
            if with(frame.address, frame.payload) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn run_of(&self, ids: &[SegmentId]) -> Result<Run, LogError> {
        let refused = |reason: String| LogError::NotCompactable { reason };
        let infos = self.segments.infos();
        let first = ids
            .first()
            .ok_or_else(|| refused("none are given".to_owned()))?;
        let at = infos.iter().position(|info| info.id() == *first);
        let at = at.ok_or_else(|| refused(format!("there is no segment {first}")))?;
        let segments: Vec<_> = infos.iter().skip(at).take(ids.len()).copied().collect();
        if !segments.iter().map(SegmentInfo::id).eq(ids.iter().copied()) {
            return Err(refused("they do not follow one another".to_owned()));
        }
        let next = infos
            .get(at + ids.len())
            .ok_or_else(|| refused("the last of them is being written to".to_owned()))?;
        Ok(Run {
            segments,
            end: next.header.base,
        })
    }

    fn compact_run(
        &self,
        run: &Run,
        opened: &[Arc<Segment>],
        options: CompactOptions<'_>,
        keep: &mut dyn FnMut(FrameAddress, &[u8]) -> Verdict,
    ) -> Result<Compaction, LogError> {
        let Some(first) = opened.first() else {
            return Ok(Compaction::Stopped);
        };
        let header = SegmentHeader {
            salt: new_salt(self.directory.vfs.as_ref()),
            ..first.header
        };
        let mut writer = PackedWriter::create(&self.directory, header)?;
        let mut counts = Counts::default();
        let CompactOptions { as_of, pace, near } = options;
        for (number, segment) in opened.iter().enumerate() {
            let scan = SegmentScan::new(Arc::clone(&segment.file), &segment.path)?;
            let mut sealed = Sealed::new(scan, segment.header, run.end_of(number))?;
            while let Some(SealedFrame {
                address,
                header,
                payload,
            }) = sealed.next()?
            {
                let payload_len = u64::from(address.payload_len);
                counts.moved += frame_bytes(payload_len);
                let replaced;
                let payload = match keep(address, payload) {
                    Verdict::Keep => Some(payload),
                    Verdict::Replace(with) => {
                        replaced = with;
                        require_frame(address, &replaced)?;
                        Some(replaced.as_slice())
                    }
                    Verdict::Drop => None,
                };
                match payload {
                    Some(payload) => {
                        let frame = ToPack {
                            lsn: header.lsn,
                            synced_lsn: header.synced_lsn,
                            records: header.records,
                            payload,
                            near: near(address, payload),
                        };
                        if writer.push(frame, pace)?.is_break() {
                            return Ok(Compaction::Stopped);
                        }
                        counts.kept += 1;
                    }
                    None => counts.dropped += 1,
                }
                if counts.moved >= PACED {
                    let moved = std::mem::take(&mut counts.moved);
                    if pace(moved) == ControlFlow::Break(()) {
                        return Ok(Compaction::Stopped);
                    }
                }
            }
        }
        let known = run.segments.iter().map(|info| info.header.kind.as_of());
        let as_of = known.fold(as_of.get(), u64::max);
        let ControlFlow::Continue(bytes) = writer.seal(run.end, as_of, pace)? else {
            return Ok(Compaction::Stopped);
        };
        if pace(counts.moved) == ControlFlow::Break(()) {
            return Ok(Compaction::Stopped);
        }
        self.publish(run, writer, bytes, &counts)
    }

    /// Puts the new segment in the place of the run: first its name, then for readers, then the rest
    /// of the run goes. Readers that have a file of the run open keep it.
    fn publish(
        &self,
        run: &Run,
        writer: PackedWriter<'_>,
        bytes: u64,
        counts: &Counts,
    ) -> Result<Compaction, LogError> {
        let _no_backup = self.publishing.lock();
        let (segment, durable) = writer.finish()?;
        let ids: Vec<_> = run.segments.iter().map(SegmentInfo::id).collect();
        let bytes_before: u64 = run.segments.iter().map(|info| info.bytes).sum();
        self.segments.replace(&ids, Arc::new(segment), bytes);
        let mut state = self.state.lock();
        state.sealed_bytes = (state.sealed_bytes + bytes).saturating_sub(bytes_before);
        state.segments = (state.segments + 1).saturating_sub(ids.len() as u64);
        drop(state);
        // If the name may not be durable, the old files are still needed.
        durable?;
        self.directory
            .remove_segments(ids.get(1..).unwrap_or_default())?;
        Ok(Compaction::Done {
            bytes_before,
            bytes_after: bytes,
            kept: counts.kept,
            dropped: counts.dropped,
        })
    }
}

/// Whether a frame can have this payload.
fn require_frame(at: FrameAddress, payload: &[u8]) -> Result<(), LogError> {
    let reason = if payload.is_empty() {
        "it must hold at least one byte"
    } else if frame_bytes(payload.len() as u64) > MAX_FRAME_BYTES {
        "with its header it is longer than 1 GiB"
    } else {
        return Ok(());
    };
    Err(LogError::InvalidFrame {
        records: at.records,
        bytes: payload.len(),
        reason,
    })
}
