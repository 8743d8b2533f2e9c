//! A frame's payload: records, each preceded by its length (u32, little endian), kind and flags.

use std::borrow::Cow;

use bincode::de::read::{Reader, SliceReader};
use bincode::de::{Decoder, DecoderImpl};
use bytes::Bytes;

use crate::codec::CodecError;
use crate::codec::body::{Body, body, kind_of, thread};
use crate::codec::compression::{Compression, Method, claimed, compressed, expanded};
use crate::codec::record::Record;
use crate::codec::skim::first_values;
use crate::codec::value::{Found, Stored};
use crate::codec::wire::{MORE_ENTRIES, Reading, config};

/// Length, kind and flags.
const HEADER: usize = 6;
/// More than most records take besides their values.
const RECORD_BYTES: usize = 512;
/// The bodies of a frame's records are together at most so long without compression: as long as the longest frame. So no
/// frame asks for more than that, however short it is.
const MAX_BODIES: usize = 1 << 30;
/// The flags of a record whose body is compressed.
const LZ4: u8 = 1;
const ZSTD: u8 = 2;

/// The payload of a frame with `records`.
pub(crate) fn encode(
    records: &[Record<Stored>],
    compression: Compression,
) -> Result<Vec<u8>, CodecError> {
    let mut payload = Vec::new();
    encode_into(&mut payload, records, compression)?;
    Ok(payload)
}

/// Appends the payload of a frame with `records`.
pub(crate) fn encode_into(
    payload: &mut Vec<u8>,
    records: &[Record<Stored>],
    compression: Compression,
) -> Result<(), CodecError> {
    let bytes = |record: &Record<Stored>| RECORD_BYTES + record.sum(Stored::literal_len);
    payload.reserve(records.iter().map(bytes).sum());
    let (mut plain, mut more) = (0_usize, MORE_ENTRIES);
    for record in records {
        let mut header = [0; HEADER];
        let start = payload.len();
        payload.extend_from_slice(&header);
        bincode::encode_into_std_write(Body(record), payload, config()).map_err(|e| {
            CodecError::Unencodable {
                reason: e.to_string(),
            }
        })?;
        let mut flags = 0;
        let body = payload.get(start + HEADER..).unwrap_or_default();
        plain = plain.saturating_add(body.len());
        if plain > MAX_BODIES {
            return Err(CodecError::TooLong { bytes: plain });
        }
        let smaller = compressed(body, compression);
        if let Some((method, smaller)) = smaller.filter(|(_, smaller)| {
            // An entry takes a byte at least, so mostly they need not be counted.
            let entries = body.len().saturating_sub(smaller.len());
            if let Some(left) = more.checked_sub(entries) {
                more = left;
                return true;
            }
            read(kind_of(record), body, smaller.len(), &mut more).is_ok()
        }) {
            flags = match method {
                Method::Lz4 => LZ4,
                Method::Zstd => ZSTD,
            };
            payload.truncate(start + HEADER);
            payload.extend_from_slice(&smaller);
        }
        let bytes = payload.len() - start - HEADER;
        let length = u32::try_from(bytes).map_err(|_| CodecError::TooLong { bytes })?;
        let [a, b, c, d] = length.to_le_bytes();
        header = [a, b, c, d, kind_of(record), flags];
        if let Some(at) = payload.get_mut(start..start + HEADER) {
            at.copy_from_slice(&header);
        }
    }
    Ok(())
}

/// What `with` makes of the records of a payload.
pub(crate) fn decode<T>(
    payload: &[u8],
    mut with: impl FnMut(Record<Found<'_>>) -> T,
) -> Result<Vec<T>, CodecError> {
    let mut rest = Rest::of(payload);
    let mut records = Vec::new();
    while let Some(raw) = rest.next()? {
        let body = raw.body()?;
        records.push(with(raw.decode(&body, &mut rest.more)?));
    }
    Ok(records)
}

/// The record with number `record` (from 0) of a payload. Those before it are not looked into. Its values keep
/// the payload.
pub(crate) fn decode_one(payload: &Bytes, record: u32) -> Result<Record<Stored>, CodecError> {
    let mut rest = Rest::of(payload);
    rest.nth(record)?.keep(payload, &mut rest.more)
}

/// The values of that record in their order, as many at least as it takes for the one with number `value`, if it has so many. No
/// more of it is read than that takes.
pub(crate) fn values_to(
    payload: &Bytes,
    record: u32,
    value: u32,
) -> Result<Vec<Stored>, CodecError> {
    let mut rest = Rest::of(payload);
    let raw = rest.nth(record)?;
    let body = raw.kept_body(payload)?;
    let reading = Reading::stored_in(raw.bytes.len(), rest.more);
    let mut decoder = DecoderImpl::new(SliceReader::new(&body), config(), reading);
    let first = first_values(raw.kind, &mut decoder).map_err(|e| raw.malformed(e.to_string()))?;
    if let Some(first) = first
        && u32::try_from(first.len()).is_ok_and(|first| value < first)
    {
        return Ok(first.into_iter().map(|value| value.keep(&body)).collect());
    }
    let values = raw.decode(&body, &mut rest.more)?.into_values();
    Ok(values.into_iter().map(|value| value.keep(&body)).collect())
}

/// The records of a payload, which their values keep.
pub(crate) fn decode_all(payload: &Bytes) -> Result<Vec<Record<Stored>>, CodecError> {
    let mut rest = Rest::of(payload);
    let mut records = Vec::new();
    while let Some(raw) = rest.next()? {
        records.push(raw.keep(payload, &mut rest.more)?);
    }
    Ok(records)
}

/// The thread that the first record of a payload is about, if it is about one and can be read.
pub(crate) fn thread_of(payload: &[u8]) -> Option<String> {
    let first = Rest::of(payload).next().ok()??;
    let body = first.body().ok()?;
    let reading = Reading::stored_in(first.bytes.len(), MORE_ENTRIES);
    let mut decoder = DecoderImpl::new(SliceReader::new(&body), config(), reading);
    thread(first.kind, &mut decoder).ok()?
}

/// Whether a record of a payload is compressed.
pub(crate) fn is_compressed(payload: &[u8]) -> Result<bool, CodecError> {
    let mut rest = Rest::of(payload);
    while let Some(record) = rest.next()? {
        if record.compression.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What is left of a payload.
struct Rest<'p> {
    payload: &'p [u8],
    at: usize,
    /// How long the bodies so far are without compression.
    bodies: usize,
    /// So many entries may the rest of the records have more than they have bytes.
    more: usize,
}

/// A record that was not decoded yet.
#[derive(Clone, Copy)]
struct Raw<'p> {
    at: usize,
    kind: u8,
    compression: Option<Method>,
    bytes: &'p [u8],
}

impl<'p> Rest<'p> {
    fn of(payload: &'p [u8]) -> Self {
        Self {
            payload,
            at: 0,
            bodies: 0,
            more: MORE_ENTRIES,
        }
    }

    /// The record with this number. Those before it are not looked into.
    fn nth(&mut self, record: u32) -> Result<Raw<'p>, CodecError> {
        let mut of = 0;
        while let Some(raw) = self.next()? {
            if of == record {
                return Ok(raw);
            }
            of += 1;
        }
        Err(CodecError::NoSuchRecord { record, of })
    }

    fn next(&mut self) -> Result<Option<Raw<'p>>, CodecError> {
        let at = self.at;
        let rest = self.payload.get(at..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let truncated = CodecError::Truncated { at };
        let Some((&[a, b, c, d, kind, flags], rest)) = rest.split_first_chunk::<HEADER>() else {
            return Err(truncated);
        };
        let compression = match flags {
            0 => None,
            LZ4 => Some(Method::Lz4),
            ZSTD => Some(Method::Zstd),
            _ => return Err(CodecError::Unknown { at, kind, flags }),
        };
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d]));
        let bytes = length.ok().and_then(|length| rest.get(..length));
        let bytes = bytes.ok_or(truncated)?;
        self.at = at + HEADER + bytes.len();
        let raw = Raw {
            at,
            kind,
            compression,
            bytes,
        };
        let body = compression.map_or(bytes.len(), |_| claimed(bytes));
        self.bodies = self.bodies.saturating_add(body);
        if self.bodies > MAX_BODIES {
            let reason = format!("the records up to it are {} bytes long", self.bodies);
            return Err(raw.malformed(reason));
        }
        Ok(Some(raw))
    }
}

impl<'p> Raw<'p> {
    fn body(&self) -> Result<Cow<'p, [u8]>, CodecError> {
        if let Some(method) = self.compression {
            let body = expanded(method, self.bytes).map_err(|reason| self.malformed(reason))?;
            Ok(Cow::Owned(body))
        } else {
            Ok(Cow::Borrowed(self.bytes))
        }
    }

    /// The body, which keeps the payload if it is a part of that.
    fn kept_body(&self, payload: &Bytes) -> Result<Bytes, CodecError> {
        Ok(match self.body()? {
            Cow::Borrowed(body) => payload.slice_ref(body),
            Cow::Owned(body) => body.into(),
        })
    }

    fn keep(&self, payload: &Bytes, more: &mut usize) -> Result<Record<Stored>, CodecError> {
        let body = self.kept_body(payload)?;
        Ok(self.decode(&body, more)?.map(|value| value.keep(&body)))
    }

    fn decode<'b>(
        &self,
        bytes: &'b [u8],
        more: &mut usize,
    ) -> Result<Record<Found<'b>>, CodecError> {
        let Self { at, kind, .. } = *self;
        read(kind, bytes, self.bytes.len(), more)
            .map_err(|reason| self.malformed(reason))?
            .ok_or(CodecError::Unknown { at, kind, flags: 0 })
    }

    fn malformed(&self, reason: String) -> CodecError {
        CodecError::Malformed {
            at: self.at,
            kind: self.kind,
            reason,
        }
    }
}

/// The record of a kind with this body, which is stored in so many bytes and may have `more` entries more; `None` if there is no
/// such kind.
fn read<'b>(
    kind: u8,
    bytes: &'b [u8],
    stored: usize,
    more: &mut usize,
) -> Result<Option<Record<Found<'b>>>, String> {
    let reading = Reading::stored_in(stored, *more);
    let mut decoder = DecoderImpl::new(SliceReader::new(bytes), config(), reading);
    let record = body(kind, &mut decoder).map_err(|e| e.to_string())?;
    if record.is_some() && decoder.reader().peek_read(1).is_some() {
        return Err("there are bytes left after its end".into());
    }
    *more = decoder.context().left(*more);
    Ok(record)
}
