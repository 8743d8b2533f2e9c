//! How long a sync takes, and what that says about the device.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::failure::{Doing, Failure};

/// How many syncs are measured.
const SYNCS: usize = 200;
/// A flash cell takes longer than this to be written, and a platter to come round. A device with a cache that
/// survives a power cut may be faster.
const SUSPICIOUS: Duration = Duration::from_micros(20);

/// How long syncs take.
pub(super) struct Flushes {
    /// A tenth of them take less. On a busy machine the others wait for the processor.
    pub(super) fast: Duration,
    pub(super) median: Duration,
    pub(super) slowest: Duration,
}

impl Flushes {
    /// Whether that is too fast for a device that has written what it was told to.
    pub(super) fn is_suspicious(&self) -> bool {
        self.fast < SUSPICIOUS
    }
}

/// Writes 4 KiB in a file of its own beside the database, over and over, and syncs each.
pub(super) fn measure(db: &Path) -> Result<Flushes, Failure> {
    let path = db.join("torture.flush");
    let file = File::create(&path).doing("make", &path)?;
    let measured = times(&file);
    std::fs::remove_file(&path).doing("remove", &path)?;
    let mut times = measured.doing("sync", &path)?;
    times.sort();
    let at = |index: usize| times.get(index).copied().unwrap_or_default();
    Ok(Flushes {
        fast: at(SYNCS / 10),
        median: at(SYNCS / 2),
        slowest: at(SYNCS - 1),
    })
}

fn times(file: &File) -> std::io::Result<Vec<Duration>> {
    let write = |byte: u8| file.write_all_at(&[byte; 4096], 0);
    write(0)?;
    file.sync_all()?;
    let mut times = Vec::with_capacity(SYNCS);
    for number in 0..SYNCS {
        write(u8::try_from(number % 251).unwrap_or_default())?;
        let began = Instant::now();
        file.sync_data()?;
        times.push(began.elapsed());
    }
    Ok(times)
}
