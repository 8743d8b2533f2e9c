//! MessagePack lists, cut into their elements without decoding them.
//!
//! Input is hostile: nothing is allocated for what a header claims, and nothing recurses.

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};

use crate::failure::guarded;

/// The elements of a MessagePack list, each as the bytes that it is encoded in, or `None` if that is no list.
#[pyfunction]
pub(crate) fn split_list<'py>(
    py: Python<'py>,
    list: &[u8],
) -> PyResult<Option<Bound<'py, PyList>>> {
    guarded(py, || {
        let Some((count, mut rest)) = head(list) else {
            return Ok(None);
        };
        let elements = PyList::empty(py);
        for _ in 0..count {
            let Some(length) = length_of(rest) else {
                return Ok(None);
            };
            let Some((element, behind)) = rest.split_at_checked(length) else {
                return Ok(None);
            };
            elements.append(PyBytes::new(py, element))?;
            rest = behind;
        }
        Ok(rest.is_empty().then_some(elements))
    })
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
