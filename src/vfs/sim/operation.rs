//! [`Operation`]: one call of a file system, for comparing runs.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// One call of a file system: what was asked for, and what came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Which call it was, counted from 1.
    pub number: u64,
    /// The name of the method.
    pub call: &'static str,
    /// The file or directory.
    pub path: Arc<PathBuf>,
    /// Where in the file; or its new length.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
    /// A checksum of the bytes that were read or written.
    pub sum: u32,
    /// The error, if it failed.
    pub error: Option<io::ErrorKind>,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            call,
            path,
            offset,
            len,
            sum,
            error,
        } = self;
        let path = path.display();
        write!(f, "{number} {call} {path} {offset}+{len} {sum:08x}")?;
        error.map_or(Ok(()), |error| write!(f, " {error:?}"))
    }
}
