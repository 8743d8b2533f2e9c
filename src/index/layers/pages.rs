//! [`Pages`]: the file under redb, on a [`VfsFile`](crate::vfs::VfsFile), every page with a check of its own.
//!
//! redb sums its pages up but compares only when it repairs, and trusts what it reads otherwise: one
//! flipped bit in a branch page would hide rows. So no page gets past here that is not as it was written, and if it was
//! written since the file was opened, as it was written last.
//!
//! ```text
//! 0    magic (8), CRC-32 of the header (4), header: the first 500 bytes of redb's page 0
//! 512  page 1 (4096), CRC-32 of its number and bytes (4); page 2; ...
//! ```
//!
//! redb's header changes in place and lies in one sector with its check, so that a crash tears neither.
//! What was never written has no valid check, and redb never reads it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;

use super::home::FileReads;
use super::lent::Lent;
use super::written::Written;

const PAGE: usize = 4096;
const CHECK: usize = 4;
const STORED: usize = PAGE + CHECK;
const MAGIC: [u8; 8] = *b"STEPIDX1";
const HEAD: usize = 512;
const HEADER: usize = HEAD - MAGIC.len() - CHECK;

#[derive(Debug)]
pub(super) struct Pages {
    file: Lent,
    reads: Arc<FileReads>,
    written: Written,
    resized: AtomicBool,
}

impl Pages {
    pub(super) fn new(file: Lent, reads: Arc<FileReads>) -> Self {
        Self {
            file,
            reads,
            written: Written::default(),
            resized: AtomicBool::new(false),
        }
    }

    fn read_header(&self) -> io::Result<[u8; HEADER]> {
        let mut head = [0; HEAD];
        self.file.get()?.read_exact_at(&mut head, 0)?;
        let (magic, rest) = head.split_at(MAGIC.len());
        let (check, header) = rest.split_at(CHECK);
        let header = header.try_into().unwrap_or([0; HEADER]);
        if magic != MAGIC {
            return Err(damaged("it does not begin as an index does".to_owned()));
        }
        let wanted = check_of(0, &header);
        if check != wanted || !self.written.allows(0, wanted) {
            return Err(damaged("its header is not as it was written".to_owned()));
        }
        Ok(header)
    }

    /// Writes redb's page 0, of which only the beginning may hold anything.
    fn write_header(&self, page: &[u8]) -> io::Result<()> {
        let (header, rest) = page.split_at(page.len().min(HEADER));
        if rest.iter().any(|byte| *byte != 0) {
            return Err(unsupported("its header is too long"));
        }
        let mut header = header.to_vec();
        header.resize(HEADER, 0);
        let mut head = Vec::with_capacity(HEAD);
        let check = check_of(0, &header);
        head.extend(MAGIC);
        head.extend(check);
        head.extend(header);
        self.written.forget([0].into_iter());
        self.file.get()?.write_all_at(&head, 0)?;
        self.written.note([(0, check)].into_iter());
        Ok(())
    }

    fn read_pages(&self, first: u64, count: usize) -> io::Result<Vec<u8>> {
        let pages = u64::try_from(count).unwrap_or(u64::MAX);
        self.reads.pages.fetch_add(pages, Ordering::Relaxed);
        let mut stored = vec![0; count * STORED];
        self.file
            .get()?
            .read_exact_at(&mut stored, stored_at(first))?;
        let mut pages = Vec::with_capacity(count * PAGE);
        for (number, stored) in (first..).zip(stored.chunks_exact(STORED)) {
            let (page, check) = stored.split_at(PAGE);
            let wanted = check_of(number, page);
            if check != wanted || !self.written.allows(number, wanted) {
                return Err(damaged(format!("page {number} is not as it was written")));
            }
            pages.extend(page);
        }
        Ok(pages)
    }

    fn write_pages(&self, first: u64, pages: &[u8]) -> io::Result<()> {
        let mut stored = Vec::with_capacity(pages.len() / PAGE * STORED);
        let mut checks = Vec::with_capacity(pages.len() / PAGE);
        for (number, page) in (first..).zip(pages.chunks_exact(PAGE)) {
            let check = check_of(number, page);
            stored.extend(page);
            stored.extend(check);
            checks.push((number, check));
        }
        self.written.forget(checks.iter().map(|(page, _)| *page));
        self.file.get()?.write_all_at(&stored, stored_at(first))?;
        self.written.note(checks.into_iter());
        Ok(())
    }
}

/// What redb asks for.
impl Pages {
    fn try_len(&self) -> io::Result<u64> {
        let stored = self.file.get()?.len()?;
        match stored.checked_sub(HEAD as u64) {
            _ if stored == 0 => Ok(0),
            Some(pages) if pages.is_multiple_of(STORED as u64) => {
                Ok((1 + pages / STORED as u64) * PAGE as u64)
            }
            _ => Err(damaged(format!("it is cut off at byte {stored}"))),
        }
    }

    fn try_read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let (start, out) = if offset < PAGE as u64 {
            let offset = usize::try_from(offset).unwrap_or(PAGE);
            let (in_head, rest) = out.split_at_mut(out.len().min(PAGE - offset));
            let header = self.read_header()?;
            let from_header = header.iter().skip(offset).chain(std::iter::repeat(&0));
            in_head
                .iter_mut()
                .zip(from_header)
                .for_each(|(to, from)| *to = *from);
            (PAGE as u64, rest)
        } else {
            (offset, out)
        };
        if out.is_empty() {
            return Ok(());
        }
        let (first, skipped, count) = covering(start, out.len());
        let pages = self.read_pages(first, count)?;
        let wanted = pages.get(skipped..skipped + out.len()).unwrap_or_default();
        out.copy_from_slice(wanted);
        Ok(())
    }

    fn try_set_len(&self, len: u64) -> io::Result<()> {
        self.resized.store(true, Ordering::Release);
        let pages = len / PAGE as u64;
        self.written.truncate(pages);
        match pages.checked_sub(1) {
            Some(after_first) if len.is_multiple_of(PAGE as u64) => self
                .file
                .get()?
                .set_len(HEAD as u64 + after_first * STORED as u64),
            _ => Err(unsupported("its length is not one of whole pages")),
        }
    }

    fn try_sync_data(&self) -> io::Result<()> {
        if self.resized.swap(false, Ordering::AcqRel) {
            return self
                .file
                .get()?
                .sync_all()
                .inspect_err(|_| self.resized.store(true, Ordering::Release));
        }
        self.file.get()?.sync_data()
    }

    fn try_write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let (first, data) = if offset == 0 {
            let (page, rest) = data.split_at(data.len().min(PAGE));
            self.write_header(page)?;
            (1, rest)
        } else {
            (offset / PAGE as u64, data)
        };
        if !offset.is_multiple_of(PAGE as u64) || !data.len().is_multiple_of(PAGE) {
            return Err(unsupported("only whole pages are written"));
        }
        self.write_pages(first, data)
    }
}

impl StorageBackend for Pages {
    fn len(&self) -> io::Result<u64> {
        self.file.noted(self.try_len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.noted(self.try_read(offset, out))
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.noted(self.try_set_len(len))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.noted(self.try_sync_data())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.file.noted(self.try_write(offset, data))
    }
}

/// The first page of a range behind page 0, how far into it the range begins, and how many pages it touches.
fn covering(offset: u64, len: usize) -> (u64, usize, usize) {
    let skipped = usize::try_from(offset % PAGE as u64).unwrap_or_default();
    (
        offset / PAGE as u64,
        skipped,
        (skipped + len).div_ceil(PAGE),
    )
}

fn stored_at(page: u64) -> u64 {
    HEAD as u64 + page.saturating_sub(1).saturating_mul(STORED as u64)
}

fn check_of(page: u64, bytes: &[u8]) -> [u8; CHECK] {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&page.to_le_bytes());
    hasher.update(bytes);
    hasher.finalize().to_le_bytes()
}

fn damaged(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

fn unsupported(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::Unsupported, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vfs::{OpenMode, OsFs, Vfs, VfsFile};

    fn pages(dir: &tempfile::TempDir) -> (Pages, Arc<dyn VfsFile>) {
        let path = dir.path().join("pages");
        let file = OsFs.open(&path, OpenMode::CreateNew).unwrap();
        let pages = Pages::new(Lent::new(Arc::clone(&file)), Arc::default());
        pages.set_len(8 * PAGE as u64).unwrap();
        (pages, file)
    }

    #[test]
    fn ranges_are_read_as_they_were_written_whatever_pages_they_cross() {
        let dir = tempfile::tempdir().unwrap();
        let (pages, _) = pages(&dir);
        let mut model = vec![0; 8 * PAGE];
        let ranges = [(4096, 7 * 4096), (0, 320), (4096, 4096), (20_480, 8192)];
        for (byte, (offset, len)) in (1..).zip(ranges) {
            model[offset..offset + len].fill(byte);
            pages.write(offset as u64, &vec![byte; len]).unwrap();
        }
        for offset in [0, 1, 319, 4000, 4096, 9999, 20_000] {
            for len in [1, 100, 4096, 10_000] {
                let mut read = vec![9; len];
                pages.read(offset as u64, &mut read).unwrap();
                assert_eq!(read, model[offset..offset + len], "{offset} {len}");
            }
        }
        assert_eq!(pages.len().unwrap(), 8 * PAGE as u64);
    }

    #[test]
    fn every_flipped_bit_of_the_header_and_of_a_page_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (pages, file) = pages(&dir);
        pages.write(0, &[1; 320]).unwrap();
        pages.write(PAGE as u64, &vec![2; 7 * PAGE]).unwrap();
        let places = [(0, HEAD as u64, 0), (stored_at(3), stored_at(4), 3)];
        for (from, to, page) in places {
            for (at, bit) in (from..to).flat_map(|at| (0..8).map(move |bit| (at, bit))) {
                let mut byte = [0];
                file.read_exact_at(&mut byte, at).unwrap();
                file.write_all_at(&[byte[0] ^ (1 << bit)], at).unwrap();
                let read = pages.read(page * PAGE as u64, &mut [0; 100]);
                let kind = read.map_err(|error| error.kind());
                assert_eq!(kind, Err(io::ErrorKind::InvalidData), "byte {at}");
                file.write_all_at(&byte, at).unwrap();
            }
        }
        pages.read(0, &mut vec![0; 8 * PAGE]).unwrap();
    }

    #[test]
    fn a_page_in_another_page_s_place_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (pages, file) = pages(&dir);
        pages.write(PAGE as u64, &[2; 2 * PAGE]).unwrap();
        let mut stored = vec![0; STORED];
        file.read_exact_at(&mut stored, stored_at(1)).unwrap();
        file.write_all_at(&stored, stored_at(2)).unwrap();
        assert!(pages.read(2 * PAGE as u64, &mut [0; PAGE]).is_err());
    }

    #[test]
    fn a_page_that_a_write_never_came_to_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let (pages, file) = pages(&dir);
        for (at, length) in [(0, HEAD), (stored_at(2), STORED)] {
            pages.write(0, &[1; 320]).unwrap();
            pages.write(PAGE as u64, &[1; 3 * PAGE]).unwrap();
            let mut before = vec![0; length];
            file.read_exact_at(&mut before, at).unwrap();
            pages.write(0, &[2; 320]).unwrap();
            pages.write(PAGE as u64, &[2; 3 * PAGE]).unwrap();
            file.write_all_at(&before, at).unwrap();
            let error = pages.read(0, &mut [0; 4 * PAGE]).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        }
    }
}
