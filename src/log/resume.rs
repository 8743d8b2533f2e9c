//! Where writing goes on after the log was read: the first changes that an open makes.

use super::backup;
use super::chain::SegmentInfo;
use super::directory::Directory;
use super::recovery::{Judged, LogEnd};
use super::report::RecoveryReport;
use super::segment::Segment;
use super::segment_header::SEGMENT_HEADER_BYTES;
use super::space;
use super::superblock_file::SuperblockFile;
use super::{LogError, Lsn, SegmentId};
use crate::canary::Canary;
use crate::vfs::VfsFile;

/// A log that can be written to.
pub(super) struct Resumed {
    pub(super) superblock: SuperblockFile,
    pub(super) sealed: Vec<SegmentInfo>,
    pub(super) active: Segment,
    /// Where the next frame goes in the active segment.
    pub(super) offset: u64,
    /// Up to where the active segment has space.
    pub(super) prepared: u64,
    pub(super) next_lsn: u64,
    pub(super) report: RecoveryReport,
}

/// Makes a log that was read ready to be written to.
pub(super) fn resume(
    directory: &Directory,
    segment_bytes: u64,
    mut judged: Judged,
) -> Result<Resumed, LogError> {
    let known = *judged.superblock.current();
    let ends_at = |end: &LogEnd| known.watermark == judged.next_lsn && end.offset == end.file_len;
    let is_clean = known.clean && judged.end.as_ref().is_some_and(ends_at);
    let report = RecoveryReport {
        created: known.newest_segment == 0 && judged.frames == 0,
        clean: is_clean,
        frames: judged.frames,
        next_lsn: Lsn::new(judged.next_lsn),
        torn_tail: judged.end.as_ref().and_then(|end| end.torn),
        damaged_superblock_slot: judged.superblock.damaged_slot(),
    };
    directory.remove_temporaries()?;
    directory.remove_segments(&judged.leftovers)?;
    match judged.end.take() {
        // The newest segment of a backup that was interrupted may be the original's own file.
        Some(end) if is_clean && known.epoch != backup::EPOCH => {
            judged
                .superblock
                .update(|superblock| superblock.clean = false)?;
            Ok(Resumed {
                superblock: judged.superblock,
                sealed: judged.sealed,
                active: end.segment,
                offset: end.offset,
                prepared: end.offset,
                next_lsn: judged.next_lsn,
                report,
            })
        }
        end => {
            judged.end = end;
            in_new_segment(directory, segment_bytes, judged, report)
        }
    }
}

/// Goes on in a segment with a salt of its own, so that nothing beyond the cut comes back.
fn in_new_segment(
    directory: &Directory,
    segment_bytes: u64,
    judged: Judged,
    report: RecoveryReport,
) -> Result<Resumed, LogError> {
    let Judged {
        mut superblock,
        mut sealed,
        end,
        next_lsn,
        ..
    } = judged;
    let id = SegmentId::new(Lsn::new(next_lsn));
    if let Some(end) = end.as_ref().filter(|_| !Canary::NotRewritten.sings()) {
        rewrite(end.segment.file.as_ref(), end.unproven, end.offset)
            .map_err(|error| LogError::io("rewrite", &end.segment.path, error))?;
    }
    // A segment without a frame that counts is replaced by the new one, which has its name.
    let end = end.filter(|end| end.segment.id != id);
    let sealed_bytes = sealed.iter().map(|info| info.bytes).sum();
    let prepared = space::first_step(sealed_bytes, segment_bytes);
    let previous = end.as_ref().map(|end| end.segment.header.base);
    let previous = previous.or_else(|| sealed.last().map(|info| info.header.base));
    let database = superblock.current().database;
    let active = directory.create_segment(database, id, previous.unwrap_or(0), prepared)?;
    if let Some(end) = end {
        let file = &end.segment.file;
        file.set_len(end.offset)
            .and_then(|()| file.sync_all())
            .map_err(|error| LogError::io("trim", &end.segment.path, error))?;
        sealed.push(SegmentInfo {
            header: end.segment.header,
            bytes: end.offset,
        });
    }
    superblock.update(|superblock| {
        superblock.clean = false;
        superblock.watermark = next_lsn;
        superblock.newest_segment = next_lsn;
    })?;
    Ok(Resumed {
        superblock,
        sealed,
        active,
        offset: SEGMENT_HEADER_BYTES,
        prepared,
        next_lsn,
        report,
    })
}

/// Writes bytes again that are there already and makes them durable. If a sync had failed before,
/// the system may hold them in memory only and believe that they are on the medium.
fn rewrite(file: &dyn VfsFile, from: u64, to: u64) -> std::io::Result<()> {
    if from == to {
        return Ok(());
    }
    let mut chunk = Vec::new();
    let mut at = from;
    while at < to {
        let length = (to - at).min(1024 * 1024);
        chunk.resize(usize::try_from(length).unwrap_or_default(), 0);
        file.read_exact_at(&mut chunk, at)?;
        file.write_all_at(&chunk, at)?;
        at += length;
    }
    file.sync_data()
}
