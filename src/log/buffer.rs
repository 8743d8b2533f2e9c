//! [`Buffer`]: memory to read a file into.

use std::ops::Range;

/// Where reads should begin, in the file and in memory. Bytes are copied up to four times slower to a place a little behind their own, as
/// the last twelve bits of both addresses say.
pub(super) const PAGE: usize = 4096;

/// Memory to read a file into, which begins with a page. It is never made smaller: to fill it with zeros costs as much as to check what is
/// read.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    /// Where the first page begins.
    begin: usize,
}

impl Buffer {
    /// The first bytes, to be read into; so many more if it has fewer.
    pub(super) fn first(&mut self, length: usize) -> &mut [u8] {
        let needed = length.saturating_add(PAGE);
        if self.bytes.len() < needed {
            // What was read before is not needed, and zeros that the system gives need not be written.
            self.bytes = vec![0; needed];
            // It may say that it cannot tell; then it is only slower.
            self.begin = self.bytes.as_ptr().align_offset(PAGE) % PAGE;
        }
        let end = self.begin.saturating_add(length);
        self.bytes.get_mut(self.begin..end).unwrap_or_default()
    }

    /// A part of what was read; none of it if that is not all there.
    pub(super) fn get(&self, part: Range<usize>) -> &[u8] {
        let all = self.bytes.get(self.begin..).unwrap_or_default();
        all.get(part).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_there_and_a_page_begins_with_it() {
        let mut buffer = Buffer::default();
        for length in [10, 5_000, 3, 100_000] {
            let first = buffer.first(length);
            assert_eq!(first.len(), length);
            assert_eq!(first.as_ptr().align_offset(PAGE), 0);
            first.fill(length.to_le_bytes()[0]);
            first[length - 1] = 7;
            let read = buffer.get(0..length);
            assert_eq!(
                (read.len(), read[0], read[length - 1]),
                (length, read[0], 7)
            );
            assert_eq!(buffer.get(length - 1..length), [7]);
        }
        assert_eq!(buffer.get(0..200_000), [] as [u8; 0]);
    }
}
