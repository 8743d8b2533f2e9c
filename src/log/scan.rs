//! [`SegmentScan`]: a segment's bytes read from front to back, in bounded memory.

use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::LogError;
use super::buffer::{Buffer, PAGE};
use super::frame::{ALIGNMENT, BadHeader, FrameHeader, HEADER_BYTES, MAGIC};
use super::read_ahead::ReadAhead;
use crate::vfs::{Vfs, VfsFile};

/// The system copies a mebibyte a quarter faster than as many bytes in four pieces.
const CHUNK: u64 = 1024 * 1024;
/// So much in front of a chunk that was read ahead is room for what comes before it, mostly a part of a frame.
const ROOM: usize = 64 * 1024;
/// So many chunks are read ahead, so that there is always one to be read.
const AHEAD: usize = 2;
/// If there is less to be read, it is not read ahead: a thread takes as long to start.
const AHEAD_LEAST: u64 = 4 * CHUNK;
/// So much is looked at together to see whether it is all zeros. A chunk is some of them.
const BLOCK: usize = 1024;
const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// A segment's bytes, read in chunks. It holds one chunk or one frame, whichever is longer, and another chunk if it reads ahead.
pub(super) struct SegmentScan {
    file: Arc<dyn VfsFile>,
    path: PathBuf,
    len: u64,
    window: Buffer,
    /// Which part of the file the window holds.
    held: Range<u64>,
    /// Where in the window that begins.
    begin: usize,
    /// Whose thread reads ahead, if anybody's.
    threads: Option<Arc<dyn Vfs>>,
    ahead: Option<ReadAhead>,
    /// Memory for the next chunks that are read ahead.
    spare: Vec<Buffer>,
}

/// What is behind the last frame.
#[derive(Debug)]
pub(super) struct Behind {
    /// The highest LSN up to which a valid header there says that the log was durable.
    pub(super) durable: u64,
    /// The byte after the last one that is not zero; where it began if all are.
    pub(super) content_end: u64,
}

/// What is at some place of a segment.
pub(super) enum Found {
    /// A valid frame; the range is that of its payload in the file.
    Frame(FrameHeader, Range<u64>),
    /// No valid frame, and why.
    Bad(&'static str),
    /// The end of the file.
    End,
}

/// Which frame belongs at a place.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expected {
    /// The one with this LSN.
    Exactly(u64),
    /// One with this LSN or a later one.
    From(u64),
}

impl SegmentScan {
    pub(super) fn new(file: Arc<dyn VfsFile>, path: &Path) -> Result<Self, LogError> {
        let len = file
            .len()
            .map_err(|error| LogError::io("measure", path, error))?;
        Ok(Self {
            file,
            path: path.to_path_buf(),
            len,
            window: Buffer::default(),
            held: 0..0,
            begin: 0,
            threads: None,
            ahead: None,
            spare: Vec::new(),
        })
    }

    /// To have the next chunk read by another thread as soon as one was read behind the other.
    pub(super) fn reading_ahead(mut self, vfs: &Arc<dyn Vfs>) -> Self {
        self.threads = Some(Arc::clone(vfs));
        self
    }

    fn measure(&self) -> Result<u64, LogError> {
        let len = self.file.len();
        len.map_err(|error| LogError::io("measure", &self.path, error))
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> &dyn VfsFile {
        self.file.as_ref()
    }

    /// Those bytes of the range that the file has.
    pub(super) fn bytes(&mut self, range: Range<u64>) -> Result<&[u8], LogError> {
        let length = range.end.saturating_sub(range.start);
        let bytes = self.held_from(range.start, length)?;
        let wanted = usize::try_from(length).ok();
        Ok(wanted
            .and_then(|wanted| bytes.get(..wanted))
            .unwrap_or(bytes))
    }

    /// What is held from an offset on; so many bytes at least, if the file has them.
    fn held_from(&mut self, offset: u64, least: u64) -> Result<&[u8], LogError> {
        let end = offset.saturating_add(least).min(self.len);
        let start = offset.min(end);
        if start < self.held.start || end > self.held.end {
            let goes_on =
                !self.held.is_empty() && (self.held.start..=self.held.end).contains(&start);
            let was_ahead = goes_on && self.take_ahead(start, end);
            if !was_ahead && !self.read(start, end)? {
                return self.held_from(offset, least);
            }
            if goes_on {
                self.ask_ahead();
            }
        }
        let from = self.in_memory(start - self.held.start)?;
        let to = self.in_memory(self.held.end - self.held.start)?;
        Ok(self.window.get(self.begin + from..self.begin + to))
    }

    /// Reads what is to be held. Whether it did: whoever writes to the file may have trimmed it meanwhile.
    fn read(&mut self, start: u64, end: u64) -> Result<bool, LogError> {
        let begin = start - start % PAGE as u64;
        let length = (end - begin).max(CHUNK).next_multiple_of(PAGE as u64);
        let length = length.min(self.len - begin);
        let in_memory = self.in_memory(length)?;
        (self.held, self.begin) = (0..0, 0);
        let window = self.window.first(in_memory);
        if let Err(error) = self.file.read_exact_at(window, begin) {
            let eof = error.kind() == io::ErrorKind::UnexpectedEof;
            let error = LogError::io("read", &self.path, error);
            let len = self.measure()?;
            if !eof || len >= self.len {
                return Err(error);
            }
            self.len = len;
            return Ok(false);
        }
        self.held = begin..begin + length;
        Ok(true)
    }

    /// Holds what is from `start` up to `end` if what is not held was read ahead, and tells whether.
    fn take_ahead(&mut self, start: u64, end: u64) -> bool {
        let Some(ahead) = &mut self.ahead else {
            return false;
        };
        if let Some((part, mut window)) = ahead.take()
            && (part.start, part.end >= end) == (self.held.end, true)
            && let Ok(length) = usize::try_from(self.held.end - start)
            && let Some(begin) = ROOM.checked_sub(length)
            && let Ok(at) = usize::try_from(start - self.held.start)
            && let before = self.window.get(self.begin + at..self.begin + at + length)
            && let Some(room) = window.first(ROOM).get_mut(begin..)
            && room.len() == before.len()
        {
            room.copy_from_slice(before);
            let before = std::mem::replace(&mut self.window, window);
            self.spare.push(before);
            (self.held, self.begin) = (start..part.end, begin);
            return true;
        }
        // It cannot be read, or somebody has looked elsewhere meanwhile.
        ahead.forget();
        false
    }

    /// Has the chunks behind what is held read.
    fn ask_ahead(&mut self) {
        let left = self.len.saturating_sub(self.held.end);
        if self.ahead.is_none() && left >= AHEAD_LEAST {
            let threads = self.threads.take();
            self.ahead = threads.and_then(|vfs| ReadAhead::start(vfs.host(), &self.file));
        }
        let Some(ahead) = &mut self.ahead else {
            return;
        };
        loop {
            let (asked, end) = ahead.asked();
            let from = end.unwrap_or(self.held.end);
            let left = self.len.saturating_sub(from).min(CHUNK);
            let Ok(bytes) = usize::try_from(left) else {
                return;
            };
            if asked >= AHEAD || bytes == 0 {
                return;
            }
            let spare = self.spare.pop().unwrap_or_default();
            ahead.ask(from, bytes, ROOM, spare);
        }
    }

    /// What is at `offset`, where the frame `expected` belongs.
    pub(super) fn frame(
        &mut self,
        offset: u64,
        expected: Expected,
        salt: u64,
    ) -> Result<Found, LogError> {
        if offset >= self.len {
            return Ok(Found::End);
        }
        let held = self.held_from(offset, HEADER_BYTES as u64)?;
        let header = match FrameHeader::decode(held, salt) {
            Ok(header) => header,
            Err(BadHeader::Invalid(reason)) => return Ok(Found::Bad(reason)),
            Err(BadHeader::Newer(what)) => {
                return Err(LogError::NewerFormat {
                    path: self.path.clone(),
                    offset,
                    what,
                });
            }
        };
        let in_place = match expected {
            Expected::Exactly(lsn) => header.lsn == lsn,
            Expected::From(lsn) => header.lsn >= lsn,
        };
        if !in_place {
            return Ok(Found::Bad("a frame of other records is at this place"));
        }
        let body = offset + HEADER_BYTES as u64;
        let length = usize::try_from(header.frame_bytes()).ok();
        let is_right = match length.and_then(|length| held.get(HEADER_BYTES..length)) {
            Some(behind_header) => header.covers(behind_header),
            None => {
                let end = offset.saturating_add(header.frame_bytes());
                if end > self.len {
                    return Ok(Found::Bad("the file ends before the frame does"));
                }
                // From its header on, so that what is read again is less than one frame and a page.
                let frame = self.bytes(offset..end)?;
                header.covers(frame.get(HEADER_BYTES..).unwrap_or_default())
            }
        };
        if !is_right {
            return Ok(Found::Bad("the payload's checksum is wrong"));
        }
        Ok(Found::Frame(
            header,
            body..body + u64::from(header.payload_len),
        ))
    }

    /// What is from `offset` on, where no valid frame is: looking for headers of frames at or after `lsn`.
    pub(super) fn behind(&mut self, offset: u64, lsn: u64, salt: u64) -> Result<Behind, LogError> {
        let mut behind = Behind {
            durable: 0,
            content_end: offset,
        };
        let mut at = offset;
        while at < self.len {
            // A header that begins in the chunk may end behind it.
            let chunk = self.bytes(at..at + CHUNK + HEADER_BYTES as u64)?;
            // Mostly it is space that was prepared. To look at each place in it took a sixth of opening after a kill.
            for (place, block) in (at..).step_by(BLOCK).zip(chunk.chunks(BLOCK)) {
                if place - at >= CHUNK {
                    break;
                }
                if ZEROS.starts_with(block) {
                    continue;
                }
                let last = block.iter().rposition(|byte| *byte != 0);
                behind.content_end = place + last.map_or(0, |last| last as u64 + 1);
                let rest = usize::try_from(place - at)
                    .ok()
                    .and_then(|from| chunk.get(from..));
                for from in (0..block.len()).step_by(ALIGNMENT as usize) {
                    let bytes = rest.and_then(|rest| rest.get(from..)).unwrap_or_default();
                    let magic = bytes.first_chunk().copied().map(u32::from_le_bytes);
                    if magic == Some(MAGIC)
                        && let Ok(header) = FrameHeader::decode(bytes, salt)
                        && header.lsn >= lsn
                    {
                        behind.durable = behind.durable.max(header.synced_lsn);
                    }
                }
            }
            at += CHUNK;
        }
        Ok(behind)
    }

    fn in_memory(&self, length: u64) -> Result<usize, LogError> {
        usize::try_from(length).map_err(|_| {
            LogError::io(
                "read",
                &self.path,
                io::Error::from(io::ErrorKind::OutOfMemory),
            )
        })
    }
}

#[cfg(test)]
mod tests;
