//! [`Value`]: a value as a record holds it, whole or by what it has of other values.

use bincode::de::{BorrowDecode, Decode};
use bincode::enc::{Encode, Encoder};
use bincode::error::{DecodeError, EncodeError};
use bytes::Bytes;

use crate::Encoded;
use crate::codec::place::{Place, place, put_place};
use crate::codec::wire::{Blob, Source, form, list, put_length, unknown};
use crate::delta::{MAX_LENGTH, MAX_LINKS, Op, Weight, encoded_len, total_len};

/// Tags that have a form of their own.
const JSON: &str = "json";
const MSGPACK: &str = "msgpack";
/// Its values have no bytes.
const NULL: &str = "null";

/// A value as a record holds it. `W` is one that is whole, `L` the bytes of a delta.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value<W, L> {
    Whole(W),
    Delta(Delta<L>),
    Alias(Alias),
}

/// A value that is to be written, or that was read.
pub(crate) type Stored = Value<Encoded, Bytes>;
/// A value where it lies in a record.
pub(crate) type Found<'p> = Value<Blob<'p>, &'p [u8]>;

/// A value as what it copies from others. Its tag is its base's.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delta<L> {
    pub(crate) base: Place,
    pub(crate) weight: Weight,
    /// Values that are stored whole.
    pub(crate) sources: Vec<Place>,
    pub(crate) ops: Vec<Op<L>>,
}

/// A value that is that of another record.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Alias {
    pub(crate) of: Place,
    /// That of the value there.
    pub(crate) weight: Weight,
}

/// What the index is told of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Numbered {
    /// Its number within the record.
    pub(crate) number: u32,
    pub(crate) weight: Weight,
    /// Where it is, if it is that of another record.
    pub(crate) alias: Option<Place>,
}

/// A value that is written as bytes with a tag.
pub(crate) trait AsBlob {
    fn as_blob(&self) -> Blob<'_>;
}

impl AsBlob for Encoded {
    fn as_blob(&self) -> Blob<'_> {
        Blob {
            tag: self.tag(),
            bytes: self.bytes(),
        }
    }
}

impl AsBlob for Blob<'_> {
    fn as_blob(&self) -> Blob<'_> {
        *self
    }
}

impl<W: AsBlob, L> Value<W, L> {
    /// What the index is told of it.
    pub(super) fn numbered(&self, number: u32) -> Numbered {
        let (weight, alias) = match self {
            Self::Whole(whole) => {
                let length = u64::try_from(whole.as_blob().bytes.len()).unwrap_or(u64::MAX);
                (Weight::whole(length), None)
            }
            Self::Delta(delta) => (delta.weight, None),
            Self::Alias(alias) => (alias.weight, Some(alias.of)),
        };
        Numbered {
            number,
            weight,
            alias,
        }
    }
}

impl<W: AsBlob, L> Value<W, L> {
    /// What it takes to read it.
    pub(crate) fn weight(&self) -> Weight {
        self.numbered(0).weight
    }

    /// The places that it names.
    pub(crate) fn places(&self) -> impl Iterator<Item = Place> {
        let (first, sources) = match self {
            Self::Whole(_) => (None, [].as_slice()),
            Self::Delta(delta) => (Some(delta.base), delta.sources.as_slice()),
            Self::Alias(alias) => (Some(alias.of), [].as_slice()),
        };
        first.into_iter().chain(sources.iter().copied())
    }
}

impl Stored {
    /// How many bytes of values are in it.
    pub(super) fn literal_len(&self) -> usize {
        match self {
            Self::Whole(whole) => whole.bytes().len(),
            Self::Delta(delta) => usize::try_from(encoded_len(&delta.ops)).unwrap_or_default(),
            Self::Alias(_) => 0,
        }
    }
}

impl Found<'_> {
    /// The value, which keeps `body`, the record's body that it lies in.
    pub(super) fn keep(self, body: &Bytes) -> Stored {
        match self {
            Self::Whole(blob) => Value::Whole(Encoded::new(blob.tag, body.slice_ref(blob.bytes))),
            Self::Alias(alias) => Value::Alias(alias),
            Self::Delta(delta) => {
                let ops = delta.ops.into_iter().map(|op| match op {
                    Op::Literal(bytes) => Op::Literal(body.slice_ref(bytes)),
                    Op::CopyBase { offset, len } => Op::CopyBase { offset, len },
                    Op::CopySource {
                        source,
                        offset,
                        len,
                    } => Op::CopySource {
                        source,
                        offset,
                        len,
                    },
                });
                Value::Delta(Delta {
                    base: delta.base,
                    weight: delta.weight,
                    sources: delta.sources,
                    ops: ops.collect(),
                })
            }
        }
    }
}

pub(super) fn put_value<E: Encoder>(to: &mut E, value: Option<&Stored>) -> Result<(), EncodeError> {
    match value {
        None => form::VALUE_EMPTY.encode(to),
        Some(Value::Whole(whole)) => put_whole(to, whole.as_blob()),
        Some(Value::Delta(delta)) => {
            form::VALUE_DELTA.encode(to)?;
            put_place(to, &delta.base)?;
            put_weight(to, delta.weight)?;
            put_length(to, delta.sources.len())?;
            for source in &delta.sources {
                put_place(to, source)?;
            }
            put_length(to, delta.ops.len())?;
            delta.ops.iter().try_for_each(|op| put_op(to, op))
        }
        Some(Value::Alias(alias)) => {
            form::VALUE_ALIAS.encode(to)?;
            put_place(to, &alias.of)?;
            put_weight(to, alias.weight)
        }
    }
}

fn put_whole<E: Encoder>(to: &mut E, value: Blob<'_>) -> Result<(), EncodeError> {
    match value.tag {
        NULL if value.bytes.is_empty() => return form::VALUE_NULL.encode(to),
        JSON => form::VALUE_JSON.encode(to)?,
        MSGPACK => form::VALUE_MSGPACK.encode(to)?,
        tag => {
            form::VALUE_WHOLE.encode(to)?;
            tag.encode(to)?;
        }
    }
    value.bytes.encode(to)
}

pub(super) fn value<'p, D: Source<'p>>(from: &mut D) -> Result<Option<Found<'p>>, DecodeError> {
    Ok(Some(match u8::decode(from)? {
        form::VALUE_EMPTY => return Ok(None),
        form::VALUE_WHOLE => {
            let tag = BorrowDecode::borrow_decode(from)?;
            Value::Whole(blob(tag, from)?)
        }
        form::VALUE_JSON => Value::Whole(blob(JSON, from)?),
        form::VALUE_MSGPACK => Value::Whole(blob(MSGPACK, from)?),
        form::VALUE_NULL => Value::Whole(Blob {
            tag: NULL,
            bytes: &[],
        }),
        form::VALUE_DELTA => Value::Delta(delta(from)?),
        form::VALUE_ALIAS => Value::Alias(Alias {
            of: place(from)?,
            weight: weight(from)?,
        }),
        other => return Err(unknown("form of a value", other)),
    }))
}

/// A value that must not be empty.
pub(super) fn some_value<'p, D: Source<'p>>(from: &mut D) -> Result<Found<'p>, DecodeError> {
    value(from)?.ok_or_else(|| unknown("form of a value that must not be empty", form::VALUE_EMPTY))
}

fn blob<'p, D: Source<'p>>(tag: &'p str, from: &mut D) -> Result<Blob<'p>, DecodeError> {
    let bytes = BorrowDecode::borrow_decode(from)?;
    Ok(Blob { tag, bytes })
}

fn delta<'p, D: Source<'p>>(from: &mut D) -> Result<Delta<&'p [u8]>, DecodeError> {
    let delta = Delta {
        base: place(from)?,
        weight: weight(from)?,
        sources: list(from, place)?,
        ops: list(from, op)?,
    };
    if delta.weight.links == 0 {
        return Err(DecodeError::Other("a delta says that it is whole"));
    }
    if total_len(&delta.ops) != delta.weight.length {
        let reason = "the operations of a delta do not make a value of its length";
        return Err(DecodeError::Other(reason));
    }
    Ok(delta)
}

fn put_weight<E: Encoder>(to: &mut E, weight: Weight) -> Result<(), EncodeError> {
    weight.length.encode(to)?;
    weight.links.encode(to)?;
    weight.cost.encode(to)
}

fn weight<'p, D: Source<'p>>(from: &mut D) -> Result<Weight, DecodeError> {
    let weight = Weight {
        length: u64::decode(from)?,
        links: u32::decode(from)?,
        cost: u64::decode(from)?,
    };
    if weight.length > MAX_LENGTH || weight.links > MAX_LINKS {
        let reason = format!(
            "a value of {} bytes in {} deltas is too large",
            weight.length, weight.links
        );
        return Err(DecodeError::OtherString(reason));
    }
    Ok(weight)
}

fn put_op<E: Encoder>(to: &mut E, op: &Op) -> Result<(), EncodeError> {
    match op {
        Op::Literal(bytes) => {
            form::OP_LITERAL.encode(to)?;
            bytes.as_ref().encode(to)
        }
        Op::CopyBase { offset, len } => {
            form::OP_COPY_BASE.encode(to)?;
            offset.encode(to)?;
            len.encode(to)
        }
        Op::CopySource {
            source,
            offset,
            len,
        } => {
            form::OP_COPY_SOURCE.encode(to)?;
            source.encode(to)?;
            offset.encode(to)?;
            len.encode(to)
        }
    }
}

fn op<'p, D: Source<'p>>(from: &mut D) -> Result<Op<&'p [u8]>, DecodeError> {
    Ok(match u8::decode(from)? {
        form::OP_LITERAL => Op::Literal(BorrowDecode::borrow_decode(from)?),
        form::OP_COPY_BASE => Op::CopyBase {
            offset: u64::decode(from)?,
            len: u64::decode(from)?,
        },
        form::OP_COPY_SOURCE => Op::CopySource {
            source: u32::decode(from)?,
            offset: u64::decode(from)?,
            len: u64::decode(from)?,
        },
        other => return Err(unknown("form of an operation", other)),
    })
}
