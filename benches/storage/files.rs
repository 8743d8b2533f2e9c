//! The files of a database as the operating system sees them.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Advice, fadvise};

/// Every file below `dir`.
pub(crate) fn all(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|e| e.unwrap().path());
    let files = entries.flat_map(|path| {
        if path.is_dir() {
            all(&path)
        } else {
            vec![path]
        }
    });
    let mut files: Vec<_> = files.collect();
    files.sort();
    files
}

/// The allocated bytes of every file below `dir`.
pub(crate) fn disk_bytes(dir: &Path) -> u64 {
    let files = all(dir).into_iter();
    files
        .map(|file| file.metadata().unwrap().blocks() * 512)
        .sum()
}

/// Makes the operating system forget what it has cached of `files`: the next read is the device's.
pub(crate) fn forget(files: &[PathBuf]) {
    for path in files {
        let file = File::open(path).unwrap();
        // Only pages that were written back can go.
        file.sync_all().unwrap();
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    }
}

/// Reads a file to its end in pieces of 1 MiB.
pub(crate) fn read(path: &Path, mut piece: impl FnMut(&[u8])) {
    let mut file = File::open(path).unwrap();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer).unwrap() {
            0 => return,
            read => piece(&buffer[..read]),
        }
    }
}
