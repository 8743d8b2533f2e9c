//! Numbers and texts as the bytes of a row. What is read may be anything.

/// Seven bits at a time, the low ones first; the high bit says that more follow.
pub(crate) fn put_number(to: &mut Vec<u8>, mut number: u64) {
    loop {
        let low = number.to_le_bytes()[0] & 0x7f;
        number >>= 7;
        if number == 0 {
            to.push(low);
            return;
        }
        to.push(low | 0x80);
    }
}

pub(crate) fn number(from: &mut &[u8]) -> Option<u64> {
    let mut number = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = byte(from)?;
        let bits = u64::from(byte & 0x7f);
        if bits << shift >> shift != bits {
            return None;
        }
        number |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

pub(crate) fn byte(from: &mut &[u8]) -> Option<u8> {
    let (&byte, rest) = from.split_first()?;
    *from = rest;
    Some(byte)
}

pub(super) fn put_length(to: &mut Vec<u8>, length: usize) {
    put_number(to, u64::try_from(length).unwrap_or(u64::MAX));
}

pub(super) fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put_length(to, bytes.len());
    to.extend(bytes);
}

pub(super) fn bytes<'b>(from: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = usize::try_from(number(from)?).ok()?;
    let (bytes, rest) = from.split_at_checked(length)?;
    *from = rest;
    Some(bytes)
}

pub(super) fn text<'b>(from: &mut &'b [u8]) -> Option<&'b str> {
    std::str::from_utf8(bytes(from)?).ok()
}

/// A list of whatever `read` reads. Nothing is allocated for a length that the bytes merely claim.
pub(super) fn list<T>(
    from: &mut &[u8],
    mut read: impl FnMut(&mut &[u8]) -> Option<T>,
) -> Option<Vec<T>> {
    let mut list = Vec::new();
    for _ in 0..number(from)? {
        list.push(read(from)?);
    }
    Some(list)
}

pub(super) fn put_option<T>(
    to: &mut Vec<u8>,
    option: Option<T>,
    put: impl FnOnce(&mut Vec<u8>, T),
) {
    to.push(u8::from(option.is_some()));
    if let Some(value) = option {
        put(to, value);
    }
}

pub(super) fn option<T>(
    from: &mut &[u8],
    read: impl FnOnce(&mut &[u8]) -> Option<T>,
) -> Option<Option<T>> {
    match byte(from)? {
        0 => Some(None),
        1 => read(from).map(Some),
        _ => None,
    }
}
