//! [`PackedWriter`]: a compacted segment while it is being written.

use std::ops::ControlFlow;

use super::block::{BlockName, CONTENTS_MAX, Packed, Packer};
use super::directory::Directory;
use super::footer::{Footer, GroupAt};
use super::frame::{self, frame_bytes};
use super::group::{GROUP_BYTES, Group};
use super::segment::Segment;
use super::segment_header::{Kind, SegmentHeader};
use super::segment_writer::SegmentWriter;
use super::{LogError, MAX_FRAME_BYTES};

/// A block is full with so many bytes of frames. Longer ones are shorter on disk, but all of one is read for
/// any of its frames.
const BLOCK_BYTES: usize = 64 << 10;

/// A compacted segment while it is being written. Frames are collected to groups; within one, those that are near each other for
/// whoever chose them are put into the same blocks.
pub(super) struct PackedWriter<'a> {
    writer: SegmentWriter<'a>,
    packer: Packer,
    footer: Footer,
    unpacked: u64,
    /// The frames of the group that is collected.
    frames: Vec<Collected>,
    bytes: Vec<u8>,
}

/// A frame of the group that is collected.
struct Collected {
    lsn: u64,
    near: u64,
    at: std::ops::Range<usize>,
}

/// A frame that is to be packed.
pub(super) struct ToPack<'p> {
    pub(super) lsn: u64,
    pub(super) synced_lsn: u64,
    pub(super) records: u32,
    pub(super) payload: &'p [u8],
    /// Frames with the same number are put together.
    pub(super) near: u64,
}

impl<'a> PackedWriter<'a> {
    /// A segment with the header's base, salt and predecessor.
    pub(super) fn create(
        directory: &'a Directory,
        header: SegmentHeader,
    ) -> Result<Self, LogError> {
        let writer = SegmentWriter::create(directory, header)?;
        let packer = Packer::new();
        let packer = packer.map_err(|error| LogError::io("compress", writer.path(), error))?;
        Ok(Self {
            writer,
            packer,
            footer: Footer::default(),
            unpacked: 0,
            frames: Vec::new(),
            bytes: Vec::new(),
        })
    }

    /// Adds a frame and gives its length in bytes. `pace` is called with the number of bytes that are written meanwhile.
    pub(super) fn push(
        &mut self,
        frame: ToPack<'_>,
        pace: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<ControlFlow<(), u64>, LogError> {
        let length = frame_bytes(frame.payload.len() as u64);
        if self.is_full(frame.lsn, length) && self.end_group(pace)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let from = self.bytes.len();
        let ToPack {
            lsn,
            synced_lsn,
            records,
            payload,
            near,
        } = frame;
        let salt = self.writer.header().salt;
        frame::encode(&mut self.bytes, salt, lsn, synced_lsn, records, payload);
        let at = from..self.bytes.len();
        self.frames.push(Collected { lsn, near, at });
        self.unpacked += length;
        Ok(ControlFlow::Continue(length))
    }

    /// Whether the group cannot take a frame of this length.
    fn is_full(&self, lsn: u64, length: u64) -> bool {
        let far = |first: &Collected| lsn - first.lsn > u64::from(u32::MAX);
        let is_too_long = self.bytes.len() as u64 + length > GROUP_BYTES;
        self.frames
            .first()
            .is_some_and(|first| is_too_long || far(first))
    }

    /// Writes the group that was collected.
    fn end_group(
        &mut self,
        pace: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<ControlFlow<()>, LogError> {
        let mut frames = std::mem::take(&mut self.frames);
        let bytes = std::mem::take(&mut self.bytes);
        let (Some(first), Ok(count)) = (frames.first(), u32::try_from(frames.len())) else {
            return Ok(ControlFlow::Continue(()));
        };
        let group = first.lsn;
        // Those of one number stay in the order of the log.
        frames.sort_by_key(|frame| frame.near);
        let mut placed = Vec::with_capacity(frames.len());
        let mut packed: Vec<Packed> = Vec::new();
        for (number, block) in (0_u16..).zip(blocks(&mut frames)) {
            block.sort_by_key(|frame| frame.lsn);
            let frames = block.iter().map(|frame| bytes.get(frame.at.clone()));
            let contents: Vec<u8> = frames.flatten().flatten().copied().collect();
            placed.extend(block.iter().map(|frame| (frame.lsn, number)));
            let block = self.pack(contents)?;
            let stored = u64::from(block.lengths().0);
            packed.push(block);
            if pace(stored).is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        placed.sort_unstable();
        let lengths: Vec<_> = packed.iter().map(Packed::lengths).collect();
        let directory = self.pack(Group::encode(&placed, &lengths))?;
        let offset = self.writer.offset();
        for (number, block) in (0..).zip(std::iter::once(directory).chain(packed)) {
            let name = BlockName {
                group,
                frames: count,
                number,
            };
            let salt = self.writer.header().salt;
            let (header, stored) = block.encode(salt, self.writer.offset(), name);
            self.writer.append(&header)?;
            self.writer.append(&stored)?;
        }
        let at = GroupAt { lsn: group, offset };
        self.footer.push(at, u64::from(count));
        // The memory serves the next group, too.
        self.bytes = bytes;
        self.bytes.clear();
        Ok(ControlFlow::Continue(()))
    }

    fn pack(&mut self, contents: Vec<u8>) -> Result<Packed, LogError> {
        let packed = self.packer.pack(contents);
        packed.map_err(|error| LogError::io("compress", self.writer.path(), error))
    }

    /// Writes what is missing and makes the file durable under its temporary name, as a segment that covers the records up to `end` and
    /// whose frames were chosen when the log was known up to `as_of`. Gives its length.
    pub(super) fn seal(
        &mut self,
        end: u64,
        as_of: u64,
        pace: &mut dyn FnMut(u64) -> ControlFlow<()>,
    ) -> Result<ControlFlow<(), u64>, LogError> {
        if self.end_group(pace)?.is_break() {
            return Ok(ControlFlow::Break(()));
        }
        let at = self.writer.offset();
        let SegmentHeader { salt, base, .. } = *self.writer.header();
        self.writer.append(&self.footer.encode(salt, base))?;
        let kind = Kind::Compacted {
            end,
            footer: at,
            as_of,
            unpacked: self.unpacked,
        };
        self.writer.seal(kind).map(ControlFlow::Continue)
    }

    /// See [`SegmentWriter::finish`].
    pub(super) fn finish(self) -> Result<(Segment, Result<(), LogError>), LogError> {
        self.writer.finish()
    }
}

/// Frames cut into blocks. One that is longer than a block has its own.
fn blocks(frames: &mut [Collected]) -> impl Iterator<Item = &mut [Collected]> {
    let mut length = 0;
    frames.chunk_by_mut(move |last, next| {
        length += last.at.len();
        let fits = length + next.at.len() <= BLOCK_BYTES;
        if !fits {
            length = 0;
        }
        fits
    })
}

const _: () = assert!(MAX_FRAME_BYTES <= CONTENTS_MAX);
const _: () = assert!(GROUP_BYTES / BLOCK_BYTES as u64 * 2 < u16::MAX as u64);
