//! [`Run`]: many small changes at the ends of a value, as one delta.

use bytes::Bytes;

use super::{Op, wide};

/// The longest front that a run puts before what it keeps of its base, in bytes: more than a header of a list.
pub const RUN_HEAD: usize = 64;
/// The longest end that a run puts behind what it keeps of its base, in bytes. It is held in memory.
pub const RUN_TAIL: usize = 64 << 10;

/// A value as `head + base[from..to] + tail`. Deltas of that form make another value of that form, so that a
/// list that has grown in many steps since the base is one delta against it.
#[derive(Clone, Debug)]
pub struct Run {
    head: Vec<u8>,
    from: u64,
    to: u64,
    tail: Vec<u8>,
}

impl Run {
    /// A run that begins at a base of `len` bytes.
    pub fn new(len: u64) -> Self {
        Self {
            head: Vec::new(),
            from: 0,
            to: len,
            tail: Vec::new(),
        }
    }

    /// The length of the value in bytes.
    pub fn len(&self) -> u64 {
        self.to - self.from + self.literal_len()
    }

    /// Whether the value is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many bytes of the value are not the base's.
    pub fn literal_len(&self) -> u64 {
        wide(self.head.len() + self.tail.len())
    }

    /// How much memory it takes besides itself, in bytes.
    pub fn heap_len(&self) -> usize {
        self.head.capacity() + self.tail.capacity()
    }

    /// Whether it would be better to end the run than to let it grow.
    pub fn is_full(&self) -> bool {
        self.head.len() > RUN_HEAD || self.tail.len() > RUN_TAIL
    }

    /// The operations that make the value of the run's base.
    pub fn ops(self) -> Vec<Op> {
        let middle = Op::CopyBase {
            offset: self.from,
            len: self.to - self.from,
        };
        let ops = [
            Op::Literal(Bytes::from(self.head)),
            middle,
            Op::Literal(Bytes::from(self.tail)),
        ];
        ops.into_iter().filter(|op| !op.is_empty()).collect()
    }

    /// The run with one more delta, whose base is the run's value. `None` if the outcome has not its form or is much longer at the
    /// ends than it should be.
    pub fn then(mut self, ops: &[Op], sources: &[&[u8]]) -> Option<Self> {
        let at = (ops.iter()).position(|op| matches!(op, Op::CopyBase { .. }))?;
        let (front, rest) = ops.split_at_checked(at)?;
        let (Op::CopyBase { offset, len }, back) = rest.split_first()? else {
            return None;
        };
        self.cut(*offset, offset.checked_add(*len)?)?;
        let mut head = Vec::new();
        append(&mut head, front, sources, RUN_HEAD)?;
        head.append(&mut self.head);
        self.head = head;
        append(&mut self.tail, back, sources, 2 * RUN_TAIL)?;
        Some(self)
    }

    /// Keeps what is between two bytes of the value. `None` if nothing of the base is.
    fn cut(&mut self, start: u64, end: u64) -> Option<()> {
        let head = wide(self.head.len());
        let tail_at = head + (self.to - self.from);
        if start > end || end > self.len() || start >= tail_at || end <= head {
            return None;
        }
        self.tail
            .truncate(usize::try_from(end.saturating_sub(tail_at)).ok()?);
        self.to -= tail_at.saturating_sub(end);
        self.from += start.saturating_sub(head);
        self.head.drain(..usize::try_from(start.min(head)).ok()?);
        Some(())
    }
}

/// Appends what `ops` make. `None` if that is a copy from the base, or makes more than `limit` bytes.
fn append(to: &mut Vec<u8>, ops: &[Op], sources: &[&[u8]], limit: usize) -> Option<()> {
    for op in ops {
        let bytes = match op {
            Op::Literal(bytes) => bytes,
            Op::CopyBase { .. } => return None,
            Op::CopySource {
                source,
                offset,
                len,
            } => {
                let start = usize::try_from(*offset).ok()?;
                let end = start.checked_add(usize::try_from(*len).ok()?)?;
                let source = sources.get(usize::try_from(*source).ok()?)?;
                source.get(start..end)?
            }
        };
        if to.len() + bytes.len() > limit {
            return None;
        }
        to.extend_from_slice(bytes);
    }
    Some(())
}
