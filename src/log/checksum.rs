//! CRC-32 seeded with a place, so that what is valid elsewhere is not valid here.

use crc32fast::Hasher;

use crate::canary::Canary;

/// What a checksum covers; one part's checksum is never valid for the other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Header = 1,
    Payload = 2,
    Footer = 3,
    BlockHeader = 4,
    Block = 5,
}

/// Below this length `crc32fast` takes one byte at a time, which for headers and small payloads costs more
/// than everything else that is done with a frame.
const SHORT: usize = 128;

/// The CRC-32 of the segment's salt, the frame's LSN or what else tells the place, the role and all of `parts`.
pub(super) fn seeded(salt: u64, place: u64, role: Role, parts: &[&[u8]]) -> u32 {
    let salt = if Canary::UnseededChecksum.sings() {
        0
    } else {
        salt
    };
    let mut state = !0;
    state = eight(state, salt);
    state = eight(state, place);
    state = one(state, role as u8);
    let mut crc = !state;
    for part in parts {
        crc = if part.len() < SHORT {
            short(crc, part)
        } else {
            let mut hasher = Hasher::new_with_initial(crc);
            hasher.update(part);
            hasher.finalize()
        };
    }
    crc
}

/// The CRC-32 of what has the CRC-32 `crc`, and `bytes` behind it.
fn short(crc: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<8>();
    let state = words
        .iter()
        .fold(!crc, |state, word| eight(state, u64::from_le_bytes(*word)));
    !rest.iter().fold(state, |state, byte| one(state, *byte))
}

/// `TABLES[n][b]`: what the byte `b` does to the state with `n` more bytes behind it.
static TABLES: [[u32; 256]; 8] = tables();

fn entry(distance: usize, byte: u64) -> u32 {
    let table = TABLES.get(distance);
    let entry = table.and_then(|table| table.get((byte & 0xff) as usize));
    entry.copied().unwrap_or_default()
}

fn one(state: u32, byte: u8) -> u32 {
    entry(0, u64::from(state) ^ u64::from(byte)) ^ (state >> 8)
}

fn eight(state: u32, word: u64) -> u32 {
    let word = word ^ u64::from(state);
    entry(7, word)
        ^ entry(6, word >> 8)
        ^ entry(5, word >> 16)
        ^ entry(4, word >> 24)
        ^ entry(3, word >> 32)
        ^ entry(2, word >> 40)
        ^ entry(1, word >> 48)
        ^ entry(0, word >> 56)
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which checks it"
)]
const fn tables() -> [[u32; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut state = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            let feedback = if state & 1 == 1 { 0xEDB8_8320 } else { 0 };
            state = (state >> 1) ^ feedback;
            bit += 1;
        }
        tables[0][byte] = state;
        byte += 1;
    }
    let mut distance = 1;
    while distance < 8 {
        let mut byte = 0;
        while byte < 256 {
            let before = tables[distance - 1][byte];
            tables[distance][byte] = tables[0][(before & 0xff) as usize] ^ (before >> 8);
            byte += 1;
        }
        distance += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_common_crc_32_of_the_seed_and_the_parts(
            salt: u64, lsn: u64,
            parts in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 0..4),
        ) {
            let mut bytes = [salt.to_le_bytes(), lsn.to_le_bytes()].concat();
            bytes.push(2);
            bytes.extend(parts.iter().flatten());
            let parts: Vec<_> = parts.iter().map(Vec::as_slice).collect();
            prop_assert_eq!(seeded(salt, lsn, Role::Payload, &parts), crc32fast::hash(&bytes));
        }
    }
}
