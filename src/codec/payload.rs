//! A frame's payload: records, each preceded by its length (u32, little endian), kind and flags.

use bincode::de::read::{Reader, SliceReader};
use bincode::de::{Decoder, DecoderImpl};

use crate::Encoded;
use crate::codec::CodecError;
use crate::codec::body::{Body, body, kind_of};
use crate::codec::record::Record;
use crate::codec::wire::{Blob, config};

/// Length, kind and flags.
const HEADER: usize = 6;

/// The payload of a frame with `records`.
pub(crate) fn encode(records: &[Record<Encoded>]) -> Result<Vec<u8>, CodecError> {
    let mut payload = Vec::new();
    for record in records {
        let mut header = [0; HEADER];
        let start = payload.len();
        payload.extend_from_slice(&header);
        bincode::encode_into_std_write(Body(record), &mut payload, config()).map_err(|e| {
            CodecError::Unencodable {
                reason: e.to_string(),
            }
        })?;
        let bytes = payload.len() - start - HEADER;
        let length = u32::try_from(bytes).map_err(|_| CodecError::TooLong { bytes })?;
        let [a, b, c, d] = length.to_le_bytes();
        header = [a, b, c, d, kind_of(record), 0];
        if let Some(at) = payload.get_mut(start..start + HEADER) {
            at.copy_from_slice(&header);
        }
    }
    Ok(payload)
}

/// The records of a payload.
pub(crate) fn decode(payload: &[u8]) -> Result<Vec<Record<Blob<'_>>>, CodecError> {
    let mut rest = Rest { payload, at: 0 };
    let mut records = Vec::new();
    while let Some(raw) = rest.next()? {
        records.push(raw.decode()?);
    }
    Ok(records)
}

/// The record with number `record` (from 0) of a payload. Those before it are not looked into.
pub(crate) fn decode_one(payload: &[u8], record: u32) -> Result<Record<Blob<'_>>, CodecError> {
    let mut rest = Rest { payload, at: 0 };
    let mut of = 0;
    while let Some(raw) = rest.next()? {
        if of == record {
            return raw.decode();
        }
        of += 1;
    }
    Err(CodecError::NoSuchRecord { record, of })
}

/// What is left of a payload.
struct Rest<'p> {
    payload: &'p [u8],
    at: usize,
}

/// A record that was not decoded yet.
struct Raw<'p> {
    at: usize,
    kind: u8,
    body: &'p [u8],
}

impl<'p> Rest<'p> {
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
        if flags != 0 {
            return Err(CodecError::Unknown { at, kind, flags });
        }
        let length = usize::try_from(u32::from_le_bytes([a, b, c, d]));
        let body = length.ok().and_then(|length| rest.get(..length));
        let body = body.ok_or(truncated)?;
        self.at = at + HEADER + body.len();
        Ok(Some(Raw { at, kind, body }))
    }
}

impl<'p> Raw<'p> {
    fn decode(self) -> Result<Record<Blob<'p>>, CodecError> {
        let Self {
            at,
            kind,
            body: bytes,
        } = self;
        let malformed = |reason: String| CodecError::Malformed { at, kind, reason };
        let mut decoder = DecoderImpl::new(SliceReader::new(bytes), config(), ());
        let record = body(kind, &mut decoder)
            .map_err(|e| malformed(e.to_string()))?
            .ok_or(CodecError::Unknown { at, kind, flags: 0 })?;
        if decoder.reader().peek_read(1).is_some() {
            return Err(malformed("there are bytes left after its end".into()));
        }
        Ok(record)
    }
}
