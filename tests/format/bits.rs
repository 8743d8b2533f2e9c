//! Every bit of every segment: what is read of the segment is what was written, all but the frames that the bit is in, and
//! those are named.
//!
//! ```text
//! cargo test --release --test format every_bit -- --ignored --nocapture     # STEPWELL_SECONDS=600 STEPWELL_FROM=0
//! ```

use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell::vfs::{OpenMode, Vfs, VfsFile};

use crate::image::{DB, Frames, Image, salvaged_from};
use crate::memory_fs::{Files, MemoryFs};

/// How large the database of the long runs is: some megabytes, a third of them segments.
const LARGE: usize = 60;

/// A segment alone with its superblock: what is in front of it is missing, so it is salvaged.
struct Alone {
    fs: Arc<MemoryFs>,
    file: Arc<dyn VfsFile>,
    bytes: Vec<u8>,
    frames: Frames,
    /// Those of all segments.
    all: Frames,
    /// Below this LSN all was known to be durable.
    watermark: u64,
}

impl Alone {
    fn new(image: &Image, path: &PathBuf) -> Self {
        let superblock = Path::new(DB).join("SUPERBLOCK");
        let files = [&superblock, path].map(|path| (path.clone(), image.files[path].clone()));
        let fs = Arc::new(MemoryFs::of(&Files::from(files)));
        Self {
            file: fs.open(path, OpenMode::ReadWrite).unwrap(),
            frames: salvaged_from(Arc::clone(&fs)).0,
            bytes: image.files[path].clone(),
            all: salvaged_from(Arc::new(MemoryFs::of(&image.files))).0,
            watermark: u64::from_le_bytes(image.files[&superblock][40..48].try_into().unwrap()),
            fs,
        }
    }

    /// Reads it with other bytes at one place. How many frames were lost.
    fn damaged(&self, at: usize, with: &[u8]) -> usize {
        let offset = u64::try_from(at).unwrap();
        self.file.write_all_at(with, offset).unwrap();
        let (found, lost) = salvaged_from(Arc::clone(&self.fs));
        let before = &self.bytes[at..at + with.len()];
        self.file.write_all_at(before, offset).unwrap();
        for (lsn, frame) in &found {
            // A block of another segment brings its own header and frames, which are right.
            let was = self.frames.get(lsn).or_else(|| self.all.get(lsn));
            assert_eq!(Some(frame), was, "byte {at}, record {lsn}: wrong data");
        }
        let missing = self.frames.keys().filter(|lsn| !found.contains_key(lsn));
        for lsn in missing.clone() {
            let is_named = lost.iter().any(|of| of.contains(lsn));
            // What was never known to be durable may be cut.
            assert!(
                is_named || *lsn >= self.watermark,
                "byte {at}: nobody says that {lsn} is lost"
            );
        }
        missing.count()
    }
}

/// Flips every `step`th bit of the segments. How many were flipped, of how many, and how many cost frames.
fn flip(image: &Image, from: usize, step: usize, until: Option<Instant>) -> (usize, usize, usize) {
    let all = image.segments().map(|(_, bytes)| bytes.len() * 8).sum();
    let (mut base, mut flipped, mut felt) = (0, 0, 0);
    for (path, bytes) in image.segments() {
        let alone = Alone::new(image, path);
        let first = from.saturating_sub(base).next_multiple_of(step);
        for bit in (first..bytes.len() * 8).step_by(step) {
            let at = bit / 8;
            let lost = alone.damaged(at, &[bytes[at] ^ (1 << (bit % 8))]);
            // A frame of an ordinary segment is alone; one that is compressed goes with its group.
            assert!(lost <= alone.frames.len());
            flipped += 1;
            felt += usize::from(lost > 0);
            if flipped % 100_000 == 0 {
                println!("bit {} of {all}", base + bit);
                if until.is_some_and(|until| Instant::now() > until) {
                    return (flipped, all, felt);
                }
            }
        }
        base += bytes.len() * 8;
    }
    (flipped, all, felt)
}

#[test]
fn a_sample_of_bits_costs_only_the_frames_that_they_are_in() {
    let image = Image::new(1, false);
    let (flipped, _, felt) = flip(&image, 0, 1009, None);
    assert!(flipped > 300 && felt > flipped / 4, "{felt} of {flipped}");
}

fn number(name: &str, default: u64) -> u64 {
    let given = env::var(name).ok();
    given.map_or(default, |number| number.parse().unwrap())
}

#[test]
#[ignore = "it takes ten minutes"]
fn every_bit() {
    let image = Image::new(LARGE, false);
    let seconds = Duration::from_secs(number("STEPWELL_SECONDS", u64::MAX >> 32));
    let from = usize::try_from(number("STEPWELL_FROM", 0)).unwrap();
    println!(
        "{} segments of a database of {} bytes",
        image.segments().count(),
        image.bytes()
    );
    let (flipped, all, felt) = flip(&image, from, 1, Some(Instant::now() + seconds));
    println!(
        "{flipped} bits of {all} were flipped from bit {from} on, {felt} cost frames; none was taken for something else"
    );
}

/// Puts blocks of 4 KiB into the place of others. How many.
fn swap(image: &Image, step: usize, until: Option<Instant>) -> usize {
    const BLOCK: usize = 4096;
    let all: Vec<_> = image.segments().collect();
    let blocks = all.iter().flat_map(|(_, bytes)| bytes.chunks(BLOCK));
    let blocks: Vec<&[u8]> = blocks.collect();
    let mut swapped = 0;
    let mut turn = 0_usize;
    for (path, bytes) in &all {
        let alone = Alone::new(image, path);
        for at in (0..bytes.len()).step_by(BLOCK) {
            for other in &blocks {
                turn += 1;
                let here = &bytes[at..bytes.len().min(at + BLOCK)];
                let with = &other[..other.len().min(here.len())];
                if !turn.is_multiple_of(step) || here.starts_with(with) {
                    continue;
                }
                alone.damaged(at, with);
                swapped += 1;
                if swapped % 10_000 == 0 && until.is_some_and(|until| Instant::now() > until) {
                    return swapped;
                }
            }
        }
    }
    swapped
}

#[test]
fn a_sample_of_misplaced_blocks_is_noticed() {
    let image = Image::new(1, false);
    assert!(swap(&image, 1, None) > 50);
}

#[test]
#[ignore = "it is for optimised builds"]
fn every_block_in_the_place_of_every_other() {
    let image = Image::new(LARGE, false);
    let seconds = Duration::from_secs(number("STEPWELL_SECONDS", u64::MAX >> 32));
    let swapped = swap(&image, 1, Some(Instant::now() + seconds));
    println!(
        "{swapped} blocks of 4 KiB were put into the place of others; none was taken for something else"
    );
}
