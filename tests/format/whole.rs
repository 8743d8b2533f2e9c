//! A bit of any file of a database, or a block of 4 KiB in the place of another: it opens and answers what it did, or says which
//! file is damaged; and what is salvaged of it is all that the report does not name.
//!
//! ```text
//! cargo test --release --test format whole -- --ignored --nocapture     # STEPWELL_SECONDS=600
//! ```

use std::collections::BTreeSet;
use std::env;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use stepwell::checkpoint::CheckpointTuple;
use stepwell::db::{SalvageReport, VerifyOptions, salvage_in};
use stepwell::testing::Random;

use crate::image::{Answers, DB, Image, open, records};
use crate::memory_fs::MemoryFs;

const RESCUED: &str = "/rescued";

/// What came of changes to files.
#[derive(Debug, Default)]
struct Counts {
    changes: usize,
    /// Opening it named the damage.
    refused: usize,
    /// A read or a verification named it.
    found: usize,
    /// The end of the log was cut, as after a crash.
    cut: usize,
    /// It answered everything.
    harmless: usize,
}

impl Counts {
    fn change(&mut self, image: &Image, path: &Path, bytes: Vec<u8>) {
        self.changes += 1;
        let what = format!("change {} of {}", self.changes, path.display());
        let mut files = image.files.clone();
        files.insert(path.to_path_buf(), bytes);
        let fs = Arc::new(MemoryFs::of(&files));
        let is_index = path.ends_with("index.redb");
        if let Ok(db) = open(&fs, DB) {
            let answers = Answers::of(&db);
            let tail = db.recovery().torn_tail.is_some();
            assert_right(image, &answers, tail, &what);
            let verified = db.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()));
            let is_clean = verified.unwrap().is_clean();
            assert!(
                answers.errors.is_empty() || !is_clean,
                "{what}: verify finds nothing, but {answers:?}"
            );
            match (is_clean, tail) {
                (false, _) => self.found += 1,
                (true, true) => self.cut += 1,
                (true, false) => self.harmless += 1,
            }
            if is_clean {
                return;
            }
            if is_index {
                // Whoever came across it has removed the file, and the log has it all.
                drop(db);
                let db = open(&fs, DB).unwrap();
                let answers = Answers::of(&db);
                assert_eq!(answers.errors, [""; 0], "{what}");
                assert_right(image, &answers, false, &what);
                let verified =
                    db.verify(VerifyOptions::default(), &mut |_| ControlFlow::Continue(()));
                assert!(verified.unwrap().is_clean(), "{what}");
            }
        } else {
            assert!(
                !is_index,
                "{what}: a view of the log keeps the database from opening"
            );
            let error = open(&fs, DB).unwrap_err().to_string();
            let name = path.file_name().unwrap().to_str().unwrap();
            assert!(error.contains(name), "{what}: {error}");
            self.refused += 1;
        }
        let fs = Arc::new(MemoryFs::of(&files));
        let report = salvage_in(
            Arc::clone(&fs) as _,
            Path::new(DB),
            Path::new(RESCUED),
            &mut |_| {},
        )
        .unwrap();
        let db = open(&fs, RESCUED).unwrap();
        let answers = Answers::of(&db);
        assert_eq!(answers.errors, [""; 0], "{what}");
        assert_salvaged(image, &answers, &report, &what);
        for (lsn, record) in records(&db).unwrap() {
            assert!(lsn > 0 && record.is_object());
        }
    }
}

/// Whether all that was answered is right.
fn assert_right(image: &Image, answers: &Answers, is_cut: bool, what: &str) {
    for found in &answers.checkpoints {
        let id = &found.checkpoint.id;
        assert!(
            image.answers.checkpoints.contains(found),
            "{what}: wrong data in {} {id}",
            found.thread
        );
    }
    for item in &answers.items {
        assert!(
            image.answers.items.contains(item),
            "{what}: wrong data in {}",
            item.key
        );
    }
    if answers.errors.is_empty() && !is_cut {
        assert_eq!(
            answers.checkpoints.len(),
            image.answers.checkpoints.len(),
            "{what}"
        );
        assert_eq!(answers.items.len(), image.answers.items.len(), "{what}");
    }
}

type Name<'a> = (&'a str, &'a str, &'a str);

fn name(found: &CheckpointTuple) -> Name<'_> {
    (&found.thread, &found.namespace, &found.checkpoint.id)
}

/// Whether what was salvaged is what there was, but for what the report names.
fn assert_salvaged(image: &Image, answers: &Answers, report: &SalvageReport, what: &str) {
    assert!(
        !report.is_whole()
            || !report.lost_records.is_empty()
            || answers.checkpoints.len() >= image.answers.checkpoints.len(),
        "{what}: nobody says that anything is lost"
    );
    let lost: BTreeSet<_> = (report.lost_values.iter().chain(&report.assumed_values))
        .map(|of| (&*of.thread, &*of.namespace, &*of.checkpoint, &*of.channel))
        .collect();
    let there: BTreeSet<Name<'_>> = answers.checkpoints.iter().map(name).collect();
    for found in &answers.checkpoints {
        let Some(before) = (image.answers.checkpoints.iter()).find(|of| name(of) == name(found))
        else {
            // What was deleted by a record that is lost.
            assert!(
                !report.lost_records.is_empty(),
                "{what}: {:?} has come back",
                name(found)
            );
            continue;
        };
        let (thread, namespace, id) = name(found);
        for (channel, value) in &found.checkpoint.channel_values {
            let was = before.checkpoint.channel_values.get(channel);
            let is_assumed = lost.contains(&(thread, namespace, id, channel));
            assert!(
                is_assumed || was == Some(value),
                "{what}: wrong data in {thread} {id} {channel}"
            );
        }
    }
    if report.lost_records.is_empty() {
        for before in &image.answers.checkpoints {
            assert!(
                there.contains(&name(before)),
                "{what}: nobody says that {:?} is lost",
                name(before)
            );
        }
    }
}

fn flip(image: &Image, counts: &mut Counts, path: &Path, bit: usize) {
    let mut bytes = image.files[path].clone();
    bytes[bit / 8] ^= 1 << (bit % 8);
    counts.change(image, path, bytes);
}

fn flips(image: &Image, counts: &mut Counts, random: &mut Random, names: &[PathBuf]) {
    let path = random.pick(names).unwrap();
    let bits = image.files[path].len() as u64 * 8;
    let bit = usize::try_from(random.below(bits)).unwrap();
    flip(image, counts, path, bit);
}

fn swaps(image: &Image, counts: &mut Counts, random: &mut Random, names: &[PathBuf]) {
    const BLOCK: usize = 4096;
    let path = random.pick(names).unwrap();
    let other = &image.files[random.pick(names).unwrap()];
    let mut bytes = image.files[path].clone();
    let place = |bytes: &[u8], random: &mut Random| {
        let blocks = bytes.len().div_ceil(BLOCK) as u64;
        usize::try_from(random.below(blocks)).unwrap() * BLOCK
    };
    let (to, from) = (place(&bytes, random), place(other, random));
    let with = &other[from..other.len().min(from + BLOCK)];
    let length = with.len().min(bytes.len() - to);
    if bytes[to..to + length] != with[..length] {
        bytes[to..to + length].copy_from_slice(&with[..length]);
        counts.change(image, path, bytes);
    }
}

fn sample(size: usize, is_closed: bool, changes: usize, seed: u64, until: Instant) -> Counts {
    let image = Image::new(size, is_closed);
    let names: Vec<PathBuf> = image.files.keys().cloned().collect();
    let (mut random, mut counts) = (Random::new(seed), Counts::default());
    while counts.changes < changes && Instant::now() < until {
        match random.one_in(3) {
            true => swaps(&image, &mut counts, &mut random, &names),
            false => flips(&image, &mut counts, &mut random, &names),
        }
    }
    counts
}

fn seconds(seconds: u64) -> Instant {
    Instant::now() + Duration::from_secs(seconds)
}

#[test]
fn a_sample_of_damage_is_harmless_or_named_and_costs_only_what_the_report_says() {
    for is_closed in [true, false] {
        let counts = sample(1, is_closed, 25, 1, seconds(600));
        assert!(counts.refused + counts.found > 3, "{counts:?}");
    }
}

#[test]
#[ignore = "it takes a quarter of an hour"]
fn every_bit_of_a_superblock() {
    let path = Path::new(DB).join("SUPERBLOCK");
    for is_closed in [true, false] {
        let image = Image::new(1, is_closed);
        let mut counts = Counts::default();
        for bit in 0..image.files[&path].len() * 8 {
            flip(&image, &mut counts, &path, bit);
        }
        println!("closed: {is_closed}: {counts:?}");
    }
}

#[test]
#[ignore = "it goes on until it is told to stop"]
fn whole_databases() {
    let given = env::var("STEPWELL_SECONDS").map_or(600, |given| given.parse().unwrap());
    for is_closed in [true, false] {
        let counts = sample(8, is_closed, usize::MAX, given, seconds(given / 2));
        println!("closed: {is_closed}: {counts:?}");
    }
}
