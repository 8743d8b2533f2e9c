//! [`BytesFile`]: a file in memory that is only read, for tests and for fuzzing.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::vfs::VfsFile;

/// A file of some bytes that is only read.
#[derive(Debug)]
pub(super) struct BytesFile {
    bytes: Vec<u8>,
    length: u64,
    read: AtomicU64,
}

impl BytesFile {
    pub(super) fn new(bytes: Vec<u8>) -> Self {
        Self {
            length: bytes.len() as u64,
            bytes,
            read: AtomicU64::new(0),
        }
    }

    /// One that says that it is so long.
    #[cfg(test)]
    pub(super) fn claiming(length: u64, bytes: Vec<u8>) -> Self {
        Self {
            length,
            ..Self::new(bytes)
        }
    }

    /// How many bytes were read.
    #[cfg(test)]
    pub(super) fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

impl VfsFile for BytesFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.length)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let offset = usize::try_from(offset).unwrap_or(usize::MAX);
        let mut from = self.bytes.get(offset..).unwrap_or_default();
        let read = io::Read::read(&mut from, buffer)?;
        self.read.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }

    fn write_at(&self, _: &[u8], _: u64) -> io::Result<usize> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn set_len(&self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> io::Result<()> {
        Ok(())
    }

    fn sync_all(&self) -> io::Result<()> {
        Ok(())
    }

    fn prepare(&self, _: u64, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
