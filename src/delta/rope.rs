//! [`Rope`]: a value put together from deltas, one after the other, without copying it each time.
//!
//! Operations may come from a damaged or hostile file: every range is checked, and nothing is allocated
//! for a length that is merely claimed.

use bytes::{Bytes, BytesMut};

use super::{Op, wide};

/// The longest value that deltas can make, in bytes: as long as the longest frame.
pub const MAX_LENGTH: u64 = 1 << 30;
/// A rope of more pieces is copied into one, so that a long chain of small changes stays cheap to follow.
const MAX_PIECES: usize = 4096;
/// How many pieces one delta may make before the rope is copied into one first.
const MAX_SPLITS: usize = 1 << 20;

/// Why operations do not make a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// A copy reaches beyond what it copies from.
    #[error("operation {op} copies {len} bytes at {offset} of {of}")]
    OutOfRange {
        /// The operation's number.
        op: usize,
        /// Where the copy begins.
        offset: u64,
        /// How long it is.
        len: u64,
        /// How long what it copies from is.
        of: u64,
    },
    /// A copy is from a source that does not exist.
    #[error("operation {op} copies from source {source_number} of {of}")]
    NoSuchSource {
        /// The operation's number.
        op: usize,
        /// The source's.
        source_number: u32,
        /// How many there are.
        of: usize,
    },
    /// The pieces make up another length than the delta says, or the value would be too long.
    #[error("the operations do not make the {expected} bytes of the value, or these are too many")]
    WrongLength {
        /// What the delta says, in bytes.
        expected: u64,
    },
}

/// A value in pieces.
#[derive(Clone, Debug)]
pub struct Rope {
    buffers: Vec<Bytes>,
    pieces: Vec<Piece>,
    len: u64,
}

/// A part of a buffer. Buffers are named by number, which costs less than counting references to them.
#[derive(Clone, Copy, Debug)]
struct Piece {
    buffer: usize,
    start: usize,
    len: usize,
}

impl Rope {
    /// The value `whole`.
    pub fn new(whole: Bytes) -> Self {
        let piece = Piece {
            buffer: 0,
            start: 0,
            len: whole.len(),
        };
        Self {
            len: wide(whole.len()),
            buffers: vec![whole],
            pieces: vec![piece],
        }
    }

    /// The length of the value in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether the value is empty.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Turns the value into the one that `ops` make of it, which has `total` bytes.
    ///
    /// # Errors
    /// The operations do not fit the value, the sources or the total. The rope is then of no further use.
    pub fn apply(&mut self, ops: &[Op], sources: &[Bytes], total: u64) -> Result<(), ApplyError> {
        let wrong_length = ApplyError::WrongLength { expected: total };
        if total > MAX_LENGTH {
            return Err(wrong_length);
        }
        let splits = self.pieces.len().saturating_mul(ops.len());
        if self.pieces.len() > MAX_PIECES || splits > MAX_SPLITS {
            *self = Self::new(std::mem::replace(self, Self::new(Bytes::new())).into_bytes());
        }
        let base = std::mem::take(&mut self.pieces);
        let mut made = 0_u64;
        for (number, op) in ops.iter().enumerate() {
            made = made.saturating_add(op.len());
            if made > total {
                return Err(wrong_length);
            }
            let out_of_range = |offset, len, of| ApplyError::OutOfRange {
                op: number,
                offset,
                len,
                of,
            };
            match op {
                Op::Literal(bytes) => self.push(bytes.clone()),
                Op::CopyBase { offset, len } => {
                    let (start, end) = range(*offset, *len, self.len)
                        .ok_or_else(|| out_of_range(*offset, *len, self.len))?;
                    copy(&base, start, end, &mut self.pieces);
                }
                Op::CopySource {
                    source,
                    offset,
                    len,
                } => {
                    let from = usize::try_from(*source).ok().and_then(|n| sources.get(n));
                    let from = from.ok_or(ApplyError::NoSuchSource {
                        op: number,
                        source_number: *source,
                        of: sources.len(),
                    })?;
                    let (start, end) = range(*offset, *len, wide(from.len()))
                        .ok_or_else(|| out_of_range(*offset, *len, wide(from.len())))?;
                    self.push(from.slice(start..end));
                }
            }
        }
        if made != total {
            return Err(wrong_length);
        }
        self.len = total;
        Ok(())
    }

    /// Whether the value lies in one piece in what it was made of, and will share its memory.
    pub fn is_one_piece(&self) -> bool {
        self.pieces.len() <= 1
    }

    /// The value in one piece.
    pub fn into_bytes(self) -> Bytes {
        let mut parts = self.pieces.iter().filter_map(|piece| {
            let buffer = self.buffers.get(piece.buffer)?;
            Some((buffer, piece.start..piece.start + piece.len))
        });
        if self.is_one_piece() {
            return parts.next().map_or_else(Bytes::new, |(b, at)| b.slice(at));
        }
        let mut whole = BytesMut::with_capacity(usize::try_from(self.len).unwrap_or_default());
        for (buffer, at) in parts {
            whole.extend_from_slice(buffer.get(at).unwrap_or_default());
        }
        whole.freeze()
    }

    fn push(&mut self, bytes: Bytes) {
        if !bytes.is_empty() {
            self.pieces.push(Piece {
                buffer: self.buffers.len(),
                start: 0,
                len: bytes.len(),
            });
            self.buffers.push(bytes);
        }
    }
}

/// The value of `total` bytes that `ops` make of `base` and `sources`.
///
/// # Errors
/// The operations do not fit the base, the sources or the total.
pub fn apply(base: &Bytes, sources: &[Bytes], ops: &[Op], total: u64) -> Result<Bytes, ApplyError> {
    let mut rope = Rope::new(base.clone());
    rope.apply(ops, sources, total)?;
    Ok(rope.into_bytes())
}

/// Start and end of a part, if it lies within `of` bytes.
fn range(offset: u64, len: u64, of: u64) -> Option<(usize, usize)> {
    let end = offset.checked_add(len).filter(|end| *end <= of)?;
    Some((usize::try_from(offset).ok()?, usize::try_from(end).ok()?))
}

/// Appends the pieces of `base` from byte `start` to byte `end`.
fn copy(base: &[Piece], start: usize, end: usize, to: &mut Vec<Piece>) {
    let mut at = 0;
    for piece in base {
        if at >= end {
            return;
        }
        let next = at + piece.len;
        let (from, until) = (start.max(at), end.min(next));
        if from < until {
            to.push(Piece {
                buffer: piece.buffer,
                start: piece.start + from - at,
                len: until - from,
            });
        }
        at = next;
    }
}
