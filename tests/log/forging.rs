//! Compacted segments whose checksums are right and whose directories, lengths and footers are not: they are refused, or
//! read as what they say, and nothing is allocated that they only claim.

use std::ops::{ControlFlow, Range};
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;
use stepwell::log::{FrameAddress, Verdict, salvage};
use stepwell::vfs::OsFs;

use crate::compaction::compact;
use crate::support::*;

/// A compacted segment, taken apart.
struct Parts {
    header: Vec<u8>,
    blocks: Vec<Block>,
    footer: Vec<u8>,
}

struct Block {
    header: Vec<u8>,
    contents: Vec<u8>,
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

fn seeded(salt: &[u8], place: u64, role: u8, covered: &[u8]) -> [u8; 4] {
    let bytes = [salt, &place.to_le_bytes(), &[role], covered].concat();
    crc32fast::hash(&bytes).to_le_bytes()
}

impl Parts {
    fn of(file: &[u8]) -> Self {
        let footer = u64::from_le_bytes(file[64..72].try_into().unwrap()) as usize;
        let mut blocks = Vec::new();
        let mut at = HEADER as usize;
        while at < footer {
            let header = file[at..at + 40].to_vec();
            let stored = u32_at(&header, 8) as usize;
            let contents = &file[at + 40..at + 40 + stored];
            let contents = match header[4] {
                0 => contents.to_vec(),
                _ => zstd::bulk::decompress(contents, 1 << 20).unwrap(),
            };
            blocks.push(Block { header, contents });
            at += 40 + stored.next_multiple_of(8);
        }
        Self {
            header: file[..HEADER as usize].to_vec(),
            blocks,
            footer: file[footer..file.len() - 4].to_vec(),
        }
    }

    /// The file with nothing compressed and right checksums. Forms and lengths are made those of the contents, unless they are taken as they are.
    fn file(mut self, as_it_is: bool) -> Vec<u8> {
        let salt = self.header[40..48].to_vec();
        let mut file = vec![0; HEADER as usize];
        if !as_it_is {
            let lengths: Vec<usize> = self
                .blocks
                .iter()
                .map(|block| block.contents.len())
                .collect();
            let frames = self.blocks[0].contents.clone();
            for (number, length) in lengths[1..].iter().enumerate() {
                let length = (*length as u32).to_le_bytes();
                let both = [length, length].concat();
                let at = 4 + number * 8;
                if at + 8 <= frames.len() {
                    self.blocks[0].contents[at..at + 8].copy_from_slice(&both);
                }
            }
            for (block, length) in self.blocks.iter_mut().zip(&lengths) {
                let length = (*length as u32).to_le_bytes();
                block.header[4] = 0;
                block.header[8..16].copy_from_slice(&[length, length].concat());
            }
        }
        for Block { header, contents } in &mut self.blocks {
            let at = file.len() as u64;
            contents.resize(contents.len().next_multiple_of(8), 0);
            let crc = seeded(&salt, at, 5, contents);
            header[32..36].copy_from_slice(&crc);
            let crc = seeded(&salt, at, 4, &header[..36]);
            header[36..40].copy_from_slice(&crc);
            file.extend_from_slice(header);
            file.extend_from_slice(contents);
        }
        let footer = file.len() as u64;
        let base = u64::from_le_bytes(self.header[32..40].try_into().unwrap());
        file.extend_from_slice(&self.footer);
        file.extend_from_slice(&seeded(&salt, base, 3, &self.footer));
        self.header[64..72].copy_from_slice(&footer.to_le_bytes());
        let crc = crc32fast::hash(&self.header[..92]).to_le_bytes();
        self.header[92..96].copy_from_slice(&crc);
        file[..HEADER as usize].copy_from_slice(&self.header);
        file
    }
}

/// A log whose first segments are one compacted one with two blocks of frames, and the addresses that its frames had.
fn written(dir: &Path) -> (std::path::PathBuf, Vec<FrameAddress>) {
    let told = Arc::new(Told::default());
    let (log, _, _) = open_with(Arc::new(OsFs), dir, small_segments(), told.clone()).unwrap();
    for number in 0..8 {
        let mut bytes = payload(number);
        bytes.resize(20_000, number as u8);
        commit(&log, &bytes);
    }
    let ids: Vec<_> = log.segments().iter().map(|segment| segment.id).collect();
    compact(&log, &ids[..ids.len() - 1], &mut |_, _| Verdict::Keep);
    log.close().unwrap();
    let path = dir.join("log").join(ids[0].to_string());
    let addresses = told.0.lock().clone();
    (path, addresses)
}

/// Opens, reads and salvages whatever is there. Payloads that are given out are those that were written.
fn use_it(dir: &Path, addresses: &[FrameAddress]) -> bool {
    let check = |at: FrameAddress, bytes: &[u8]| {
        let number = at.lsn.get() - 1;
        assert!(bytes.starts_with(&payload(number)[..payload(number).len().min(20)]));
    };
    let is_open = match open(dir, small_segments()) {
        Ok((log, _, frames)) => {
            frames.iter().for_each(|(at, bytes)| check(*at, bytes));
            for at in addresses {
                if let Ok(read) = log.read(*at) {
                    check(*at, &read);
                }
            }
            let _ = log.verify(&mut |_| ControlFlow::Continue(())).unwrap();
            true
        }
        Err(error) => {
            assert!(!error.to_string().is_empty());
            false
        }
    };
    let _ = salvage(Arc::new(OsFs), dir, &mut |at, bytes| {
        check(at, bytes);
        Ok(())
    });
    is_open
}

#[test]
fn a_segment_whose_blocks_are_stored_as_they_are_is_read_alike() {
    let dir = scratch();
    let (path, addresses) = written(dir.path());
    let before = open(dir.path(), small_segments()).unwrap();
    let frames = before.2.clone();
    drop(before);
    let file = Parts::of(&std::fs::read(&path).unwrap()).file(false);
    overwrite(&path, &file);
    let (log, _, again) = open(dir.path(), small_segments()).unwrap();
    assert_eq!(payloads(&again), payloads(&frames));
    drop(log);
    assert!(use_it(dir.path(), &addresses));
}

#[test]
fn directories_that_do_not_fit_their_blocks_are_refused() {
    let dir = scratch();
    let (path, addresses) = written(dir.path());
    let whole = Parts::of(&std::fs::read(&path).unwrap()).file(false);
    let blocks = Parts::of(&whole).blocks;
    let (count, directory) = (blocks.len() - 1, blocks[0].contents.len());
    assert!(count >= 2);
    // The last frame is in the active segment.
    assert_eq!(directory, 4 + count * 8 + 7 * 6);
    let change = |part: Range<usize>, value: u8| {
        for at in part {
            let mut parts = Parts::of(&whole);
            parts.blocks[0].contents[at] ^= value;
            overwrite(&path, &parts.file(true));
            assert!(!use_it(dir.path(), &addresses), "{at}");
        }
    };
    change(0..directory, 1);
    change(0..directory, 0x80);
    // As many blocks and frames, and the frames in the other blocks.
    let mut parts = Parts::of(&whole);
    parts.blocks.swap(1, 2);
    overwrite(&path, &parts.file(false));
    assert!(!use_it(dir.path(), &addresses));
    for byte in (4..32).chain([0]) {
        for block in 0..=count {
            let mut parts = Parts::of(&whole);
            parts.blocks[block].header[byte] ^= 1;
            overwrite(&path, &parts.file(true));
            assert!(!use_it(dir.path(), &addresses), "{block} {byte}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn whatever_it_says_nothing_panics(
        edits in proptest::collection::vec((0..5_usize, any::<prop::sample::Index>(), any::<u8>()), 1..5),
        as_it_is: bool,
    ) {
        let dir = scratch();
        let (path, addresses) = written(dir.path());
        let plain = Parts::of(&std::fs::read(&path).unwrap()).file(false);
        let mut parts = Parts::of(&plain);
        for (part, at, value) in edits {
            let bytes = match part {
                0 => &mut parts.header,
                1 => &mut parts.footer,
                2 => &mut parts.blocks[0].contents,
                3 => { let block = at.index(parts.blocks.len()); &mut parts.blocks[block].header }
                _ => { let block = at.index(parts.blocks.len()); &mut parts.blocks[block].contents }
            };
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        overwrite(&path, &parts.file(as_it_is));
        let _ = use_it(dir.path(), &addresses);
    }
}
