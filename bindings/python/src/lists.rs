//! MessagePack lists, cut into their elements without decoding them.
//!
//! Input is hostile: nothing is allocated for what a header claims, and nothing recurses.

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::failure::guarded;

/// A list of objects that was cut up last, to which the next one is compared: a conversation is mostly the last one
/// and a little more, or less.
#[pyclass(frozen, module = "stepwell._native")]
pub(crate) struct Cutter(Mutex<Last>);

#[derive(Default)]
struct Last {
    /// Its elements, one behind the other.
    body: Vec<u8>,
    /// Where in `body` each one ends.
    ends: Vec<usize>,
}

#[pymethods]
impl Cutter {
    #[new]
    fn new() -> Self {
        Self(Mutex::default())
    }

    /// How many elements `list` begins with that the last one began with too, and the bytes of each of the others. `None`
    /// if that is no MessagePack list of which every element is an extension, as all that is no plain data is.
    /// A list that the last one begins with leaves that in its place.
    fn cut<'py>(
        &self,
        py: Python<'py>,
        list: &[u8],
    ) -> PyResult<Option<(usize, Bound<'py, PyList>)>> {
        guarded(py, || {
            let mut last = self.0.lock();
            let Some((kept, ends)) = last.cut(list) else {
                return Ok(None);
            };
            let new = PyList::empty(py);
            let Some((_, body)) = head(list) else {
                return Ok(None);
            };
            let mut start = kept
                .checked_sub(1)
                .and_then(|at| last.ends.get(at))
                .copied()
                .unwrap_or(0);
            for &end in &ends {
                new.append(PyBytes::new(py, body.get(start..end).unwrap_or_default()))?;
                start = end;
            }
            last.replace(kept, body, ends);
            Ok(Some((kept, new)))
        })
    }
}

impl Last {
    /// How many elements a list shares with this one from the start on, and where the others end.
    fn cut(&self, list: &[u8]) -> Option<(usize, Vec<usize>)> {
        let (count, body) = head(list)?;
        let same = common(&self.body, body);
        let most = usize::try_from(count).unwrap_or(usize::MAX);
        let kept = self.ends.partition_point(|end| *end <= same).min(most);
        let mut at = kept
            .checked_sub(1)
            .and_then(|last| self.ends.get(last))
            .copied()
            .unwrap_or(0);
        let mut ends = Vec::new();
        for _ in kept..most {
            let element = body.get(at..)?;
            if !matches!(element.first(), Some(0xc7..=0xc9 | 0xd4..=0xd8)) {
                return None;
            }
            at += length_of(element)?;
            // Before there is room for it.
            if at > body.len() {
                return None;
            }
            ends.push(at);
        }
        (at == body.len()).then_some((kept, ends))
    }

    /// Takes the place of what is behind the first `kept` elements, if there is something.
    fn replace(&mut self, kept: usize, body: &[u8], ends: Vec<usize>) {
        if ends.is_empty() {
            return;
        }
        self.ends.truncate(kept);
        let start = self.ends.last().copied().unwrap_or(0);
        self.body.truncate(start);
        self.body
            .extend_from_slice(body.get(start..).unwrap_or_default());
        self.ends.extend(ends);
    }
}

/// How many bytes two slices begin with that are the same.
fn common(one: &[u8], other: &[u8]) -> usize {
    const BLOCK: usize = 4096;
    let blocks = one.chunks(BLOCK).zip(other.chunks(BLOCK));
    let same = BLOCK
        * blocks
            .take_while(|(a, b)| a.len() == BLOCK && a == b)
            .count();
    let rest = one.iter().skip(same).zip(other.iter().skip(same));
    same + rest.take_while(|(a, b)| a == b).count()
}

/// How many elements a list has, and what lies behind its head.
fn head(list: &[u8]) -> Option<(u64, &[u8])> {
    match list {
        [first @ 0x90..=0x9f, rest @ ..] => Some((u64::from(first & 0x0f), rest)),
        [0xdc, a, b, rest @ ..] => Some((u64::from(u16::from_be_bytes([*a, *b])), rest)),
        [0xdd, a, b, c, d, rest @ ..] => {
            Some((u64::from(u32::from_be_bytes([*a, *b, *c, *d])), rest))
        }
        _ => None,
    }
}

/// How long the object is that `bytes` begin with.
fn length_of(bytes: &[u8]) -> Option<usize> {
    let mut at = 0_usize;
    // Objects that are still to be passed.
    let mut open = 1_u64;
    while open > 0 {
        open -= 1;
        let (length, inside) = object(bytes.get(at..)?)?;
        at = at.checked_add(length)?;
        open = open.checked_add(inside)?;
    }
    Some(at)
}

/// How long an object is without those in it, and how many those are.
fn object(bytes: &[u8]) -> Option<(usize, u64)> {
    let (&first, rest) = bytes.split_first()?;
    let number = |length: usize| {
        let digits = rest.get(..length)?;
        Some(
            digits
                .iter()
                .fold(0_u64, |n, digit| n << 8 | u64::from(*digit)),
        )
    };
    let long = |length: usize, more: usize| {
        let size = usize::try_from(number(length)?).ok()?;
        (1 + length + more).checked_add(size)
    };
    Some(match first {
        0x80..=0x8f => (1, 2 * u64::from(first & 0x0f)),
        0x90..=0x9f => (1, u64::from(first & 0x0f)),
        0xa0..=0xbf => (1 + usize::from(first & 0x1f), 0),
        0xc4 | 0xd9 => (long(1, 0)?, 0),
        0xc5 | 0xda => (long(2, 0)?, 0),
        0xc6 | 0xdb => (long(4, 0)?, 0),
        0xc7 => (long(1, 1)?, 0),
        0xc8 => (long(2, 1)?, 0),
        0xc9 => (long(4, 1)?, 0),
        0xcc | 0xd0 => (2, 0),
        0xcd | 0xd1 => (3, 0),
        0xca | 0xce | 0xd2 => (5, 0),
        0xcb | 0xcf | 0xd3 => (9, 0),
        0xd4 => (3, 0),
        0xd5 => (4, 0),
        0xd6 => (6, 0),
        0xd7 => (10, 0),
        0xd8 => (18, 0),
        0xdc => (3, number(2)?),
        0xdd => (5, number(4)?),
        0xde => (3, 2 * number(2)?),
        0xdf => (5, 2 * number(4)?),
        0xc1 => return None,
        _ => (1, 0),
    })
}
