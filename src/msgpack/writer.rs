//! Writing MessagePack, each value in the shortest form that it has.

use crate::msgpack::Malformed;

pub(crate) fn write_nil(out: &mut Vec<u8>) {
    out.push(0xc0);
}

pub(crate) fn write_bool(out: &mut Vec<u8>, value: bool) {
    out.push(if value { 0xc3 } else { 0xc2 });
}

pub(crate) fn write_unsigned(out: &mut Vec<u8>, value: u64) {
    let [.., a, b, c, d] = value.to_be_bytes();
    match value {
        0..=0x7f => out.push(d),
        0x80..=0xff => out.extend([0xcc, d]),
        0x100..=0xffff => out.extend([0xcd, c, d]),
        0x1_0000..=0xffff_ffff => out.extend([0xce, a, b, c, d]),
        _ => {
            out.push(0xcf);
            out.extend(value.to_be_bytes());
        }
    }
}

pub(crate) fn write_signed(out: &mut Vec<u8>, value: i64) {
    if let Ok(value) = u64::try_from(value) {
        return write_unsigned(out, value);
    }
    let [.., a, b, c, d] = value.to_be_bytes();
    match value {
        -32.. => out.push(d),
        -0x80.. => out.extend([0xd0, d]),
        -0x8000.. => out.extend([0xd1, c, d]),
        -0x8000_0000.. => out.extend([0xd2, a, b, c, d]),
        _ => {
            out.push(0xd3);
            out.extend(value.to_be_bytes());
        }
    }
}

pub(crate) fn write_float(out: &mut Vec<u8>, value: f64) {
    out.push(0xcb);
    out.extend(value.to_be_bytes());
}

pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) -> Result<(), Malformed> {
    match u8::try_from(text.len()) {
        Ok(len @ 0..=31) => out.push(0xa0 | len),
        _ => write_head(out, Some(0xd9), 0xda, 0xdb, text.len())?,
    }
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

pub(crate) fn write_bytes(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Malformed> {
    write_head(out, Some(0xc4), 0xc5, 0xc6, bytes.len())?;
    out.extend_from_slice(bytes);
    Ok(())
}

pub(crate) fn write_list_head(out: &mut Vec<u8>, count: usize) -> Result<(), Malformed> {
    match u8::try_from(count) {
        Ok(count @ 0..=15) => out.push(0x90 | count),
        _ => write_head(out, None, 0xdc, 0xdd, count)?,
    }
    Ok(())
}

pub(crate) fn write_map_head(out: &mut Vec<u8>, count: usize) -> Result<(), Malformed> {
    match u8::try_from(count) {
        Ok(count @ 0..=15) => out.push(0x80 | count),
        _ => write_head(out, None, 0xde, 0xdf, count)?,
    }
    Ok(())
}

pub(crate) fn write_ext(out: &mut Vec<u8>, code: i8, payload: &[u8]) -> Result<(), Malformed> {
    match payload.len() {
        1 => out.push(0xd4),
        2 => out.push(0xd5),
        4 => out.push(0xd6),
        8 => out.push(0xd7),
        16 => out.push(0xd8),
        len => write_head(out, Some(0xc7), 0xc8, 0xc9, len)?,
    }
    out.extend(code.to_be_bytes());
    out.extend_from_slice(payload);
    Ok(())
}

/// The value of a tag that LangGraph has, as MessagePack; `None` for any other tag, and for JSON.
#[cfg(feature = "langgraph")]
pub(crate) fn write_value_of(
    out: &mut Vec<u8>,
    tag: &str,
    bytes: &[u8],
) -> Option<Result<(), Malformed>> {
    match tag {
        "msgpack" => {
            let mut reader = crate::msgpack::Reader::new(bytes);
            let whole = reader.value().and_then(|_| reader.end());
            out.extend_from_slice(bytes);
            Some(whole)
        }
        "null" => {
            write_nil(out);
            Some(Ok(()))
        }
        "bytes" | "bytearray" => Some(write_bytes(out, bytes)),
        _ => None,
    }
}

fn write_head(
    out: &mut Vec<u8>,
    one: Option<u8>,
    two: u8,
    four: u8,
    len: usize,
) -> Result<(), Malformed> {
    if let (Some(marker), Ok(len)) = (one, u8::try_from(len)) {
        out.extend([marker, len]);
    } else if let Ok(len) = u16::try_from(len) {
        out.push(two);
        out.extend(len.to_be_bytes());
    } else {
        let len = u32::try_from(len).map_err(|_| Malformed::Length)?;
        out.push(four);
        out.extend(len.to_be_bytes());
    }
    Ok(())
}
