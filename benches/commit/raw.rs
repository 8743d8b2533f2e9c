//! The floor: one thread that writes and syncs, with nothing around it.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// As long as a segment of the database.
const FILE_BYTES: usize = 64 << 20;

pub(crate) struct RawLoop {
    file: File,
    bytes: Vec<u8>,
    offset: usize,
    _dir: TempDir,
}

impl RawLoop {
    /// A zero-filled file, to be written in steps of `frame` bytes.
    pub(crate) fn prepare(dir: &Path, frame: usize) -> Self {
        let dir = tempfile::tempdir_in(dir).unwrap();
        let mut file = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(dir.path().join("raw"))
            .unwrap();
        let zeros = vec![0; 1 << 20];
        for _ in 0..FILE_BYTES / zeros.len() {
            file.write_all(&zeros).unwrap();
        }
        file.sync_all().unwrap();
        let bytes = (0..frame).map(|n| (n * 31 % 251) as u8).collect();
        Self {
            file,
            bytes,
            offset: 0,
            _dir: dir,
        }
    }

    /// Writes for as long as `slice`; returns writes per second.
    pub(crate) fn run(&mut self, slice: Duration, synced: bool) -> f64 {
        let start = Instant::now();
        let mut writes = 0_u32;
        while start.elapsed() < slice {
            if self.offset + self.bytes.len() > FILE_BYTES {
                self.offset = 0;
            }
            self.file
                .write_all_at(&self.bytes, self.offset as u64)
                .unwrap();
            if synced {
                self.file.sync_data().unwrap();
            }
            self.offset += self.bytes.len();
            writes += 1;
        }
        f64::from(writes) / start.elapsed().as_secs_f64()
    }
}
