//! What the device can do at this very moment: writes of the same bytes into a file that was filled before, each followed by
//! `fdatasync`.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const FILE_BYTES: usize = 32 << 20;

pub(crate) struct Probe {
    file: File,
    bytes: Vec<u8>,
    offset: usize,
    _dir: TempDir,
}

impl Probe {
    /// A file beside the engine's directory, to be written in pieces of `bytes`.
    pub(crate) fn new(dir: &Path, bytes: usize) -> Self {
        let dir = tempfile::tempdir_in(dir.parent().unwrap()).unwrap();
        let path = dir.path().join("probe");
        let mut file = File::options()
            .create_new(true)
            .read(true)
            .write(true)
            .open(path)
            .unwrap();
        file.write_all(&vec![0; FILE_BYTES]).unwrap();
        file.sync_all().unwrap();
        let bytes = (0..bytes).map(|n| (n % 251) as u8).collect();
        Self {
            file,
            bytes,
            offset: 0,
            _dir: dir,
        }
    }

    /// How long one write and its sync take.
    pub(crate) fn once(&mut self) -> Duration {
        if self.offset + self.bytes.len() > FILE_BYTES {
            self.offset = 0;
        }
        let start = Instant::now();
        self.file
            .write_all_at(&self.bytes, self.offset as u64)
            .unwrap();
        self.file.sync_data().unwrap();
        self.offset += self.bytes.len();
        start.elapsed()
    }
}
