//! [`Readable`]: which values can be read of those that were kept so far.
//!
//! What a value is made of is older than it, so that is known when a value comes. That its checksums are right does not mean that
//! anybody has written it: a copy may reach beyond what it copies from.

use std::collections::HashMap;

use crate::codec::{Place, Stored, Value};
use crate::db::reader::MAX_HOPS;
use crate::delta::Op;
use crate::log::FrameAddress;

/// What can be read of the values so far.
#[derive(Default)]
pub(super) struct Readable {
    /// The LSNs of the frames, ascending.
    frames: Vec<u64>,
    /// By the LSN of the record and the value's number there.
    values: HashMap<(u64, u32), Known>,
}

/// What a value needs to know of those that it is made of.
#[derive(Clone, Copy)]
struct Known {
    length: u64,
    /// Whether its bytes are stored with it.
    is_whole: bool,
    /// The places from it to the bytes that it is made of.
    hops: u32,
}

impl Readable {
    /// Takes note of a frame. Its records come next.
    pub(super) fn begin(&mut self, frame: FrameAddress) {
        self.frames.push(frame.lsn.get());
    }

    /// Takes note of a value of the record with this number of a frame, if it can be read; whether it can.
    pub(super) fn add(
        &mut self,
        frame: FrameAddress,
        record: u32,
        value: u32,
        of: &Stored,
    ) -> bool {
        let known = self.known(frame, of);
        if let Some(known) = known {
            self.values.insert((lsn_of(frame, record), value), known);
        }
        known.is_some()
    }

    /// The record is not kept with so many values: none of them can be read.
    pub(super) fn forget(&mut self, frame: FrameAddress, record: u32, values: usize) {
        for value in (0..).take(values) {
            self.values.remove(&(lsn_of(frame, record), value));
        }
    }

    /// What is known of a value of `frame`, if it can be read.
    fn known(&self, frame: FrameAddress, value: &Stored) -> Option<Known> {
        let known = match value {
            Value::Whole(whole) => Known {
                length: u64::try_from(whole.bytes().len()).ok()?,
                is_whole: true,
                hops: 0,
            },
            Value::Alias(alias) => {
                let of = self.at(frame, &alias.of)?;
                Known {
                    is_whole: false,
                    hops: of.hops + 1,
                    ..of
                }
            }
            Value::Delta(delta) => {
                let base = self.at(frame, &delta.base)?;
                let sources = delta.sources.iter().map(|source| {
                    let source = self.at(frame, source)?;
                    source.is_whole.then_some(source.length)
                });
                let sources = sources.collect::<Option<Vec<_>>>()?;
                let fits = delta.ops.iter().all(|op| match op {
                    Op::Literal(_) => true,
                    Op::CopyBase { offset, len } => reaches(*offset, *len, base.length),
                    Op::CopySource {
                        source,
                        offset,
                        len,
                    } => usize::try_from(*source)
                        .ok()
                        .and_then(|source| sources.get(source))
                        .is_some_and(|of| reaches(*offset, *len, *of)),
                });
                Known {
                    length: fits.then_some(delta.weight.length)?,
                    is_whole: false,
                    hops: base.hops + 1,
                }
            }
        };
        (known.hops < MAX_HOPS).then_some(known)
    }

    /// What is known of the value that one of `frame` names, if it can be read.
    fn at(&self, frame: FrameAddress, place: &Place) -> Option<Known> {
        let (lsn, records) =
            (place.frame).map_or((frame.lsn.get(), frame.records), |of| (of.lsn, of.records));
        let is_there = place.record < records && self.frames.binary_search(&lsn).is_ok();
        let record = lsn.checked_add(u64::from(place.record))?;
        let known = self.values.get(&(record, place.value))?;
        is_there.then_some(*known)
    }
}

fn lsn_of(frame: FrameAddress, record: u32) -> u64 {
    frame.lsn.plus(u64::from(record)).get()
}

/// Whether a part ends within `of` bytes.
fn reaches(offset: u64, len: u64, of: u64) -> bool {
    offset.checked_add(len).is_some_and(|end| end <= of)
}
