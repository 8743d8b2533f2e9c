//! [`VfsFile`]: an open file.

use std::fmt::Debug;
use std::io;

/// An open file, read and written by position. Each method is one operation; none of them retries.
pub trait VfsFile: Debug + Send + Sync {
    /// The file's length in bytes.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    ///
    /// # Errors
    /// Whatever the file system says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads from byte `offset` on; may read less than asked. 0 means the end of the file.
    ///
    /// # Errors
    /// `Interrupted` if nothing was read and it may be tried again; whatever else the file system
    /// says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes from byte `offset` on; may write less than asked. Durable after
    /// [`sync_data`](Self::sync_data).
    ///
    /// # Errors
    /// `Interrupted` if nothing was written and it may be tried again; whatever else the file
    /// system says.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Cuts the file, or extends it with zeros. Durable after [`sync_all`](Self::sync_all).
    ///
    /// # Errors
    /// Whatever the file system says.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Makes the file's bytes, and as much about it as reading them needs, durable.
    ///
    /// # Errors
    /// Whatever the file system says. What was written since the last successful sync may be lost
    /// then, whatever a later sync answers.
    fn sync_data(&self) -> io::Result<()>;

    /// Makes everything about the file durable, except its name.
    ///
    /// # Errors
    /// As [`sync_data`](Self::sync_data).
    fn sync_all(&self) -> io::Result<()>;

    /// Fills the bytes from `from` up to `to` with zeros that have their place on the medium, so
    /// that a later write over them needs no new space. Durable after
    /// [`sync_data`](Self::sync_data).
    ///
    /// # Errors
    /// `StorageFull` if there is no room; whatever else the file system says. A part of the range
    /// may have been filled.
    fn prepare(&self, from: u64, to: u64) -> io::Result<()>;

    /// The same for whoever syncs seldom: what is written there may cost more when it is synced.
    ///
    /// # Errors
    /// As [`prepare`](Self::prepare).
    fn reserve(&self, from: u64, to: u64) -> io::Result<()> {
        self.prepare(from, to)
    }
}

impl dyn VfsFile + '_ {
    /// Reads exactly `buffer.len()` bytes from `offset` on, trying again after interruptions and
    /// short reads.
    ///
    /// # Errors
    /// `UnexpectedEof` if the file ends before; whatever [`VfsFile::read_at`] says.
    pub fn read_exact_at(&self, mut buffer: &mut [u8], mut offset: u64) -> io::Result<()> {
        while !buffer.is_empty() {
            match self.read_at(buffer, offset) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    buffer = buffer.get_mut(read..).unwrap_or_default();
                    offset = offset.saturating_add(read as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Writes all of `bytes` from `offset` on, trying again after interruptions and short writes.
    ///
    /// # Errors
    /// `WriteZero` if the file takes nothing more; whatever [`VfsFile::write_at`] says.
    pub fn write_all_at(&self, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.write_at(bytes, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    bytes = bytes.get(written..).unwrap_or_default();
                    offset = offset.saturating_add(written as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
