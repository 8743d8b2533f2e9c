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

/// What all checksums of a place begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seed(u32);

/// The CRC-32 of the segment's salt, the frame's LSN or what else tells the place, the role and all of `parts`.
pub(super) fn seeded(salt: u64, place: u64, role: Role, parts: &[&[u8]]) -> u32 {
    Seed::of(salt, place).checksum(role, parts)
}

/// A salt with which `crc` is what [`seeded`] gives for the rest. Checksums that are right with the salt that it was made
/// with are right with this one, and no others: both leave the same state behind.
pub(super) fn salt_of(crc: u32, place: u64, role: Role, bytes: &[u8]) -> u64 {
    let state = back(!crc, bytes);
    let state = back(state, &[role as u8]);
    let state = back(state, &place.to_le_bytes());
    u64::from(!back(state, &[0; 8]))
}

impl Seed {
    /// Of the segment's salt, and the frame's LSN or what else tells the place.
    pub(super) fn of(salt: u64, place: u64) -> Self {
        let salt = if Canary::UnseededChecksum.sings() {
            0
        } else {
            salt
        };
        Self(sixteen(!0, [salt, place]))
    }

    /// The CRC-32 of what it was made of, the role and all of `parts`.
    pub(super) fn checksum(self, role: Role, parts: &[&[u8]]) -> u32 {
        let mut hasher = Hasher::new_with_initial(!one(self.0, role as u8));
        for part in parts {
            hasher.update(part);
        }
        hasher.finalize()
    }
}

/// `TABLES[n][b]`: what the byte `b` does to the state with `n` more bytes behind it.
static TABLES: [[u32; 256]; 16] = tables();

#[inline]
fn entry(distance: usize, byte: u64) -> u32 {
    let table = TABLES.get(distance);
    let entry = table.and_then(|table| table.get((byte & 0xff) as usize));
    entry.copied().unwrap_or_default()
}

fn one(state: u32, byte: u8) -> u32 {
    entry(0, u64::from(state) ^ u64::from(byte)) ^ (state >> 8)
}

/// The state in front of these bytes, from that behind them.
fn back(state: u32, bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(state, |state, byte| {
        // The highest byte of an entry tells which it is.
        let entry = (TABLES.first()).and_then(|table| {
            table
                .iter()
                .zip(0_u32..)
                .find(|(entry, _)| *entry >> 24 == state >> 24)
        });
        let (entry, index) = entry.unwrap_or((&0, 0));
        (state ^ entry) << 8 | (index ^ u32::from(*byte))
    })
}

#[inline]
fn sixteen(state: u32, [first, second]: [u64; 2]) -> u32 {
    behind::<8>(first ^ u64::from(state)) ^ behind::<0>(second)
}

/// What eight bytes do to the state with so many more behind them.
#[inline]
fn behind<const MORE: usize>(word: u64) -> u32 {
    entry(MORE + 7, word)
        ^ entry(MORE + 6, word >> 8)
        ^ entry(MORE + 5, word >> 16)
        ^ entry(MORE + 4, word >> 24)
        ^ entry(MORE + 3, word >> 32)
        ^ entry(MORE + 2, word >> 40)
        ^ entry(MORE + 1, word >> 48)
        ^ entry(MORE, word >> 56)
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which checks it"
)]
const fn tables() -> [[u32; 256]; 16] {
    let mut tables = [[0; 256]; 16];
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
    while distance < 16 {
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

        #[test]
        fn a_salt_that_a_checksum_tells_is_as_good_as_the_one_it_was_made_with(
            salt: u64, place: u64, other: u64, bytes in proptest::collection::vec(any::<u8>(), 0..50),
        ) {
            let crc = seeded(salt, place, Role::Header, &[&bytes]);
            let told = salt_of(crc, place, Role::Header, &bytes);
            prop_assert_eq!(Seed::of(told, other), Seed::of(salt, other));
            let wrong = salt_of(crc ^ 1, place, Role::Header, &bytes);
            prop_assert_ne!(Seed::of(wrong, other), Seed::of(salt, other));
        }
    }
}
