//! Salvage of a compacted segment: what is whole of its groups, one after the other.

use std::collections::BTreeMap;

use super::LogError;
use super::block::{BLOCK_HEADER_BYTES, BlockHeader};
use super::frame::{ALIGNMENT, BadHeader, FrameHeader, HEADER_BYTES};
use super::group::{DIRECTORY_BYTES, GROUP_BYTES, Group};
use super::scan::{Expected, Found, SegmentScan};

/// More is not collected before it is given out: no whole group is as long.
const REMAINS_BYTES: u64 = 4 * GROUP_BYTES;

/// The groups of a compacted segment, past damage.
pub(super) struct PackedSalvage<'s> {
    scan: &'s mut SegmentScan,
    salt: u64,
    offset: u64,
    end: u64,
    /// The group that is being collected.
    remains: Remains,
}

/// A whole frame.
pub(super) struct Whole {
    pub(super) header: FrameHeader,
    /// Where its block begins, or itself if the block's header is damaged.
    pub(super) offset: u64,
    pub(super) payload: Vec<u8>,
}

/// What is left of a group.
#[derive(Default)]
pub(super) struct Remains {
    /// By LSN.
    pub(super) frames: BTreeMap<u64, Whole>,
    /// The LSNs of all of its frames, if its directory is whole.
    pub(super) known: Option<Vec<u64>>,
    /// Where the first damage in it is, and what.
    pub(super) damage: Option<(u64, String)>,
    /// The LSN of its first frame, and how many it had; if a block of it has a header.
    name: Option<(u64, u32)>,
    bytes: u64,
}

impl Remains {
    /// Whether nothing of it is lost.
    pub(super) fn is_whole(&self) -> bool {
        self.name
            .is_some_and(|(_, frames)| frames as usize == self.frames.len())
    }

    fn is_empty(&self) -> bool {
        self.frames.is_empty() && self.name.is_none()
    }

    fn add(&mut self, header: FrameHeader, offset: u64, payload: &[u8]) {
        self.bytes += header.frame_bytes();
        let payload = payload
            .get(..header.payload_len as usize)
            .unwrap_or_default();
        let whole = Whole {
            header,
            offset,
            payload: payload.to_vec(),
        };
        self.frames.insert(header.lsn, whole);
    }

    fn note(&mut self, offset: u64, reason: impl Into<String>) {
        self.damage.get_or_insert_with(|| (offset, reason.into()));
    }

    /// Adds the frames of a block at `offset` that are whole.
    fn add_all(&mut self, contents: &[u8], offset: u64, salt: u64) {
        let mut at = 0;
        while at < contents.len() {
            at += match FrameHeader::within(contents, at, salt) {
                Ok((header, body)) if header.covers(body) => {
                    self.add(header, offset, body);
                    HEADER_BYTES + body.len()
                }
                _ => ALIGNMENT as usize,
            };
        }
    }
}

impl<'s> PackedSalvage<'s> {
    /// The groups between two places in the file.
    pub(super) fn new(scan: &'s mut SegmentScan, salt: u64, offset: u64, end: u64) -> Self {
        Self {
            scan,
            salt,
            offset,
            end,
            remains: Remains::default(),
        }
    }

    /// What is left of the next group; none at the end.
    pub(super) fn next_group(&mut self) -> Result<Option<Remains>, LogError> {
        while self.offset < self.end && self.remains.bytes <= REMAINS_BYTES {
            let offset = self.offset;
            let body = offset.saturating_add(BLOCK_HEADER_BYTES as u64);
            match BlockHeader::decode(self.scan.bytes(offset..body)?, self.salt, offset) {
                Ok(header) => {
                    let name = (header.name.group, header.name.frames);
                    let ends = match self.remains.name {
                        Some(of) => of != name,
                        // Frames without a block header may be of the group in front of this one.
                        None => self.remains.frames.range(..name.0).next().is_some(),
                    };
                    if ends {
                        return Ok(Some(self.end_group(name.0)));
                    }
                    self.remains.name = Some(name);
                    self.block(header, offset)?;
                    self.offset = offset.saturating_add(header.block_bytes());
                }
                Err(BadHeader::Invalid(reason)) => {
                    self.remains.note(offset, reason);
                    self.offset = self.bare_frame(offset)?;
                }
                Err(BadHeader::Newer(what)) => {
                    let reason = format!("{what} is of a newer version");
                    self.remains.note(offset, reason);
                    self.offset += ALIGNMENT;
                }
            }
        }
        let is_last = self.remains.is_empty() && self.remains.damage.is_none();
        Ok((!is_last).then(|| std::mem::take(&mut self.remains)))
    }

    /// Ends the group that is being collected. Frames from `next` on belong to the one behind it.
    fn end_group(&mut self, next: u64) -> Remains {
        let later = self.remains.frames.split_off(&next);
        let bytes = later.values().map(|whole| whole.header.frame_bytes());
        let next = Remains {
            bytes: bytes.sum(),
            frames: later,
            ..Remains::default()
        };
        std::mem::replace(&mut self.remains, next)
    }

    /// Adds what is whole of a block.
    fn block(&mut self, header: BlockHeader, offset: u64) -> Result<(), LogError> {
        let body = offset.saturating_add(BLOCK_HEADER_BYTES as u64);
        let end = offset.saturating_add(header.block_bytes());
        let is_directory = header.name.number == 0;
        if is_directory && u64::from(header.length) > DIRECTORY_BYTES {
            self.remains
                .note(offset, "the directory of a group is too long");
            return Ok(());
        }
        let stored = self.scan.bytes(body..end)?;
        let contents = match header.contents(stored, self.salt, offset) {
            Ok(contents) => contents,
            Err(reason) => {
                self.remains.note(offset, reason);
                match header.unchecked(stored) {
                    // Its frames have checksums of their own.
                    Ok(contents) if !is_directory => contents,
                    _ => return Ok(()),
                }
            }
        };
        if !is_directory {
            self.remains.add_all(&contents, offset, self.salt);
            return Ok(());
        }
        match Group::decode(&contents, &header, end) {
            Ok(group) => {
                self.remains.known = Some(group.frames.iter().map(|(lsn, _)| *lsn).collect());
            }
            Err(reason) => self.remains.note(offset, reason),
        }
        Ok(())
    }

    /// Adds the frame that begins in a block whose header is damaged, if one does that is not compressed. Gives where to look on.
    fn bare_frame(&mut self, offset: u64) -> Result<u64, LogError> {
        let found = match self.scan.frame(offset, Expected::From(0), self.salt) {
            Ok(found) => found,
            Err(LogError::NewerFormat { .. }) => Found::Bad(""),
            Err(error) => return Err(error),
        };
        Ok(match found {
            Found::Frame(header, payload) => {
                let payload = self.scan.bytes(payload)?;
                self.remains.add(header, offset, payload);
                offset + header.frame_bytes()
            }
            Found::Bad(_) | Found::End => offset + ALIGNMENT,
        })
    }
}
