//! What the log's tests share.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use stepwell::log::{
    CommitSink, FrameAddress, Log, LogError, LogOptions, RecoveryReport, ReplayFrom,
};
use stepwell::vfs::{OsFs, Vfs};

/// A log whose notes are nothing.
pub(crate) type TestLog = Log<()>;

/// The frames of a log, with the payload of each.
pub(crate) type Frames = Vec<(FrameAddress, Vec<u8>)>;

/// The length of a segment's header.
pub(crate) const HEADER: u64 = 96;

pub(crate) fn small_segments() -> LogOptions {
    LogOptions {
        segment_bytes: 512,
        ..LogOptions::default()
    }
}

/// Opens a log and gives the frames that it replayed.
pub(crate) fn open(
    dir: &Path,
    options: LogOptions,
) -> Result<(TestLog, RecoveryReport, Frames), LogError> {
    open_with(Arc::new(OsFs), dir, options, Arc::new(()))
}

pub(crate) fn open_with(
    vfs: Arc<dyn Vfs>,
    dir: &Path,
    options: LogOptions,
    sink: Arc<dyn CommitSink<()>>,
) -> Result<(TestLog, RecoveryReport, Frames), LogError> {
    open_from(vfs, dir, options, ReplayFrom::Beginning, sink)
}

pub(crate) fn open_from(
    vfs: Arc<dyn Vfs>,
    dir: &Path,
    options: LogOptions,
    from: ReplayFrom,
    sink: Arc<dyn CommitSink<()>>,
) -> Result<(TestLog, RecoveryReport, Frames), LogError> {
    let mut frames = Vec::new();
    let (log, report) = Log::open(
        vfs,
        dir,
        options,
        from,
        &mut |at, payload| {
            frames.push((at, payload.to_vec()));
            Ok(())
        },
        sink,
    )?;
    Ok((log, report, frames))
}

pub(crate) fn commit(log: &TestLog, payload: &[u8]) -> u64 {
    log.submit(1, payload, (), None)
        .expect("the frame is taken")
        .wait()
        .expect("the frame is written")
        .get()
}

/// A payload that says which it is, of a length that differs from its neighbours'.
pub(crate) fn payload(number: u64) -> Vec<u8> {
    let mut bytes = format!("payload {number} ").into_bytes();
    bytes.resize(bytes.len() + (number as usize * 7) % 41, number as u8 | 1);
    bytes
}

pub(crate) fn payloads(frames: &Frames) -> Vec<Vec<u8>> {
    frames.iter().map(|(_, payload)| payload.clone()).collect()
}

/// What a sink was told.
#[derive(Debug, Default)]
pub(crate) struct Told(pub(crate) Mutex<Vec<FrameAddress>>);

impl CommitSink<()> for Told {
    fn committed(&self, frames: &mut dyn Iterator<Item = (FrameAddress, ())>) {
        self.0.lock().extend(frames.map(|(at, ())| at));
    }
}

/// Copies a database's directory as a killed process would leave it.
pub(crate) fn copy_dir(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// All files below a directory and their bytes, the lock file aside.
pub(crate) fn all_files(dir: &Path) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut files = std::collections::BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files.extend(all_files(&entry.path()));
        } else if entry.file_name() != "LOCK" {
            files.insert(entry.path(), std::fs::read(entry.path()).unwrap());
        }
    }
    files
}

/// A directory in memory where there is one, for the tests that open thousands of logs.
pub(crate) fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

/// Gives a file other bytes. Without truncating it to nothing, after which ext4 would flush it.
pub(crate) fn overwrite(path: &Path, bytes: &[u8]) {
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
}

pub(crate) fn last_segment(dir: &Path) -> std::path::PathBuf {
    all_files(&dir.join("log"))
        .into_keys()
        .rfind(|path| path.extension().is_some_and(|extension| extension == "seg"))
        .unwrap()
}
