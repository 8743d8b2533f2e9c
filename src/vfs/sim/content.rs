//! [`Content`]: the bytes of a file, cheap to copy.

use std::ops::Range;
use std::sync::Arc;

const PAGE: usize = 4096;

/// The bytes of a file. Copies share what they have in common.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// What is not there is zero.
    pages: Vec<Option<Arc<[u8; PAGE]>>>,
    len: u64,
}

/// The part of one page that a range of a file covers: the page, where in it, and where in the range.
struct Part {
    page: usize,
    within: Range<usize>,
    of_range: Range<usize>,
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn parts(offset: u64, len: usize) -> impl Iterator<Item = Part> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset.saturating_add(done as u64);
        let begin = size(at % PAGE as u64);
        let count = (PAGE - begin).min(len - done);
        let of_range = done..done + count;
        done += count;
        (count > 0).then(|| Part {
            page: size(at / PAGE as u64),
            within: begin..begin + count,
            of_range,
        })
    })
}

impl Content {
    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// Reads as much as there is.
    pub(super) fn read(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let len = size(self.len.saturating_sub(offset)).min(buffer.len());
        for part in parts(offset, len) {
            let Some(into) = buffer.get_mut(part.of_range) else {
                continue;
            };
            match self.pages.get(part.page) {
                Some(Some(page)) => {
                    into.copy_from_slice(page.get(part.within).unwrap_or_default());
                }
                _ => into.fill(0),
            }
        }
        len
    }

    /// A range of the bytes; zeros where there are none.
    pub(super) fn slice(&self, range: Range<u64>) -> Vec<u8> {
        let mut bytes = vec![0; size(range.end.saturating_sub(range.start))];
        self.read(range.start, &mut bytes);
        bytes
    }

    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.grow(offset.saturating_add(bytes.len() as u64));
        for part in parts(offset, bytes.len()) {
            let from = bytes.get(part.of_range).unwrap_or_default();
            let Some(page) = self.pages.get_mut(part.page) else {
                continue;
            };
            if page.is_none() && from.iter().all(|byte| *byte == 0) {
                continue;
            }
            let page = Arc::make_mut(page.get_or_insert_with(|| Arc::new([0; PAGE])));
            if let Some(into) = page.get_mut(part.within) {
                into.copy_from_slice(from);
            }
        }
    }

    /// Cuts it, or makes it longer with zeros.
    pub(super) fn resize(&mut self, len: u64) {
        if len < self.len {
            let tail = size(self.len - len).min(PAGE - size(len % PAGE as u64));
            self.write(len, &vec![0; tail]);
            self.pages.truncate(size(len.div_ceil(PAGE as u64)));
            self.len = len;
        }
        self.grow(len);
    }

    fn grow(&mut self, len: u64) {
        if len > self.len {
            self.len = len;
            self.pages.resize(size(len.div_ceil(PAGE as u64)), None);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Random;
    use super::*;

    #[test]
    fn it_holds_what_a_plain_list_of_bytes_would() {
        let mut random = Random::new(1);
        let (mut content, mut model) = (Content::default(), Vec::new());
        for round in 0..2000_u32 {
            let offset = random.below(20_000);
            let len = size(random.below(9_000));
            let copy = content.clone();
            let before = model.clone();
            if random.one_in(4) {
                content.resize(offset);
                model.resize(size(offset), 0);
            } else {
                let bytes = vec![(round % 3) as u8; len];
                content.write(offset, &bytes);
                let end = (size(offset) + len).max(model.len());
                model.resize(end, 0);
                model[size(offset)..size(offset) + len].copy_from_slice(&bytes);
            }
            assert_eq!(content.len(), model.len() as u64);
            assert_eq!(content.slice(0..content.len()), model);
            assert_eq!(copy.slice(0..copy.len()), before, "a copy stays as it is");
        }
    }
}
