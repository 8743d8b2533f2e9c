//! CRC-32 seeded with a frame's place, so that a valid frame elsewhere is no valid frame here.

use crc32fast::Hasher;

/// What a checksum covers; one part's checksum is never valid for the other.
#[derive(Debug, Clone, Copy)]
pub(super) enum Role {
    Header = 1,
    Payload = 2,
    Footer = 3,
}

/// The CRC-32 of the segment's salt, the frame's LSN, the role and all of `parts`.
pub(super) fn seeded(salt: u64, lsn: u64, role: Role, parts: &[&[u8]]) -> u32 {
    let mut hasher = Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&lsn.to_le_bytes());
    hasher.update(&[role as u8]);
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize()
}
