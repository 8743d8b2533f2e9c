//! [`Op`]: one piece of a value, and what it takes to store it.

use bytes::Bytes;

use super::wide;

/// What a delta takes in a record besides its operations, about, in bytes: the place of its base, its lengths.
pub const DELTA_OVERHEAD: u64 = 40;
/// What each source of a delta takes, about, in bytes: its place.
pub const SOURCE_OVERHEAD: u64 = 28;

/// One piece of a value; the value is its pieces one after the other. Offsets and lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op<L = Bytes> {
    /// Bytes that the delta itself holds.
    Literal(L),
    /// A part of the base.
    CopyBase {
        /// Where it begins in the base.
        offset: u64,
        /// How long it is.
        len: u64,
    },
    /// A part of another value.
    CopySource {
        /// Which of the delta's sources.
        source: u32,
        /// Where it begins in the source.
        offset: u64,
        /// How long it is.
        len: u64,
    },
}

impl<L: AsRef<[u8]>> Op<L> {
    /// How many bytes of the value it makes.
    pub fn len(&self) -> u64 {
        match self {
            Self::Literal(bytes) => wide(bytes.as_ref().len()),
            Self::CopyBase { len, .. } | Self::CopySource { len, .. } => *len,
        }
    }

    /// Whether it makes nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn encoded_len(&self) -> u64 {
        1 + match self {
            Self::Literal(_) => varint_len(self.len()) + self.len(),
            Self::CopyBase { offset, len } => varint_len(*offset) + varint_len(*len),
            Self::CopySource {
                source,
                offset,
                len,
            } => varint_len(u64::from(*source)) + varint_len(*offset) + varint_len(*len),
        }
    }
}

/// The length of the value that `ops` make, in bytes.
pub fn total_len<L: AsRef<[u8]>>(ops: &[Op<L>]) -> u64 {
    ops.iter().map(Op::len).fold(0, u64::saturating_add)
}

/// What `ops` take in a record, in bytes.
pub fn encoded_len<L: AsRef<[u8]>>(ops: &[Op<L>]) -> u64 {
    ops.iter()
        .map(Op::encoded_len)
        .fold(varint_len(wide(ops.len())), u64::saturating_add)
}

/// The sources that `ops` use, each once, in the order of their first use.
pub fn sources_of<L>(ops: &[Op<L>]) -> Vec<u32> {
    let mut used = Vec::new();
    for op in ops {
        if let Op::CopySource { source, .. } = op
            && !used.contains(source)
        {
            used.push(*source);
        }
    }
    used
}

/// Renumbers the sources of `ops` so that those that are not used fall out. Returns the old numbers of the
/// others by their new ones.
pub fn used_sources<L>(ops: &mut [Op<L>]) -> Vec<u32> {
    let mut used = Vec::new();
    for op in ops {
        if let Op::CopySource { source, .. } = op {
            let known = used.iter().position(|known| known == source);
            let number = known.unwrap_or(used.len());
            if known.is_none() {
                used.push(*source);
            }
            *source = u32::try_from(number).unwrap_or(u32::MAX);
        }
    }
    used
}

/// The length of a number as docs/format.md has it.
fn varint_len(number: u64) -> u64 {
    match number {
        0..=250 => 1,
        251..=0xFFFF => 3,
        0x1_0000..=0xFFFF_FFFF => 5,
        _ => 9,
    }
}
