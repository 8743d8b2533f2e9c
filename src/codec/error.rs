//! [`CodecError`]: why a record could not be written or read.

/// Why a record could not be written or read. Offsets are in bytes from the start of the frame's
/// payload.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CodecError {
    #[error("a record of {bytes} bytes is too long for a frame; keep values smaller than 4 GiB")]
    TooLong { bytes: usize },
    #[error("a record cannot be encoded: {reason}")]
    Unencodable { reason: String },
    #[error("the record at payload offset {at} ends before its length says")]
    Truncated { at: usize },
    #[error(
        "the record at payload offset {at} is of unknown kind {kind} with flags {flags:#04x}; a newer version \
         of stepwell may know it"
    )]
    Unknown { at: usize, kind: u8, flags: u8 },
    #[error("the record at payload offset {at} (kind {kind}) cannot be decoded: {reason}")]
    Malformed { at: usize, kind: u8, reason: String },
    #[error("the frame holds {found} records instead of {expected}")]
    WrongCount { expected: u32, found: u32 },
    #[error("there is no record {record} in a frame of {of}")]
    NoSuchRecord { record: u32, of: u32 },
}
