//! The floor: a file to which checked frames are appended, with one `write` per commit, and the places of the
//! checkpoints in memory. Writers that come while one is writing and syncing are taken along by the next. Opening reads and checks
//! everything. No engine: it never reclaims anything, and its index must fit into memory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::mem;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::{Condvar, Mutex, MutexGuard, RwLock};

use bytes::Bytes;

use super::Engine;
use crate::workload::{self, Step};

pub(crate) struct RawLog {
    file: File,
    synced: bool,
    tail: Mutex<Tail>,
    advanced: Condvar,
    index: RwLock<Index>,
}

/// By key: offset and length of the value.
type Index = BTreeMap<Vec<u8>, (u64, usize)>;

struct Tail {
    /// Frames that nobody has begun to write.
    pending: Vec<u8>,
    spare: Vec<u8>,
    /// Where the file ends once `pending` is written.
    end: u64,
    /// What is acknowledged.
    done: u64,
    is_led: bool,
}

/// Checksum and length of the rows.
const FRAME_HEADER: usize = 8;
/// Whether it is a checkpoint, lengths of key and value.
const ROW_HEADER: usize = 7;

impl RawLog {
    pub(crate) fn open(dir: &Path, synced: bool) -> Self {
        let path = dir.join("raw.log");
        let mut options = File::options();
        let file = options
            .read(true)
            .append(true)
            .create(true)
            .open(&path)
            .unwrap();
        let (index, end) = recover(&path);
        file.set_len(end).unwrap();
        let tail = Tail {
            pending: Vec::new(),
            spare: Vec::new(),
            end,
            done: end,
            is_led: false,
        };
        Self {
            file,
            synced,
            tail: Mutex::new(tail),
            advanced: Condvar::new(),
            index: RwLock::new(index),
        }
    }

    /// Writes out what is pending for everybody, unless somebody does already, until `mine` is acknowledged.
    fn acknowledge<'a>(&'a self, mut tail: MutexGuard<'a, Tail>, mine: u64) {
        while tail.done < mine {
            if tail.is_led {
                tail = self.advanced.wait(tail).unwrap();
                continue;
            }
            tail.is_led = true;
            let spare = mem::take(&mut tail.spare);
            let mut frames = mem::replace(&mut tail.pending, spare);
            let end = tail.end;
            drop(tail);
            (&self.file).write_all(&frames).unwrap();
            if self.synced {
                self.file.sync_data().unwrap();
            }
            frames.clear();
            tail = self.tail.lock().unwrap();
            tail.spare = frames;
            tail.done = end;
            tail.is_led = false;
            self.advanced.notify_all();
        }
    }

    fn read(&self, (offset, length): (u64, usize)) -> Bytes {
        let mut value = vec![0; length];
        self.file.read_exact_at(&mut value, offset).unwrap();
        value.into()
    }
}

impl Engine for RawLog {
    fn append(&self, steps: &[Step<'_>]) {
        let mut tail = self.tail.lock().unwrap();
        let start = tail.pending.len();
        let base = tail.end;
        let mut places = Vec::with_capacity(steps.len());
        tail.pending.extend_from_slice(&[0; FRAME_HEADER]);
        for step in steps {
            let key = step.key();
            push_row(&mut tail.pending, true, &key, step.value);
            let offset = base + (tail.pending.len() - start - step.value.len()) as u64;
            places.push((key, (offset, step.value.len())));
            for (key, value) in step.write_rows() {
                push_row(&mut tail.pending, false, &key, value);
            }
        }
        let (header, rows) = tail.pending[start..].split_at_mut(FRAME_HEADER);
        header[..4].copy_from_slice(&crc32fast::hash(rows).to_le_bytes());
        header[4..].copy_from_slice(&(rows.len() as u32).to_le_bytes());
        let mine = base + (FRAME_HEADER + rows.len()) as u64;
        tail.end = mine;
        self.acknowledge(tail, mine);
        self.index.write().unwrap().extend(places);
    }

    fn latest(&self, thread: u64) -> Option<Bytes> {
        let (first, last) = (
            workload::prefix(thread),
            workload::checkpoint_key(thread, u64::from(u32::MAX)),
        );
        let place = *self
            .index
            .read()
            .unwrap()
            .range(first..=last)
            .next_back()?
            .1;
        Some(self.read(place))
    }

    fn by_id(&self, thread: u64, number: u64) -> Option<Bytes> {
        let place = *self
            .index
            .read()
            .unwrap()
            .get(&workload::checkpoint_key(thread, number))?;
        Some(self.read(place))
    }

    fn close(self: Box<Self>) {
        self.file.sync_all().unwrap();
    }
}

fn push_row(to: &mut Vec<u8>, is_checkpoint: bool, key: &[u8], value: &[u8]) {
    to.push(u8::from(is_checkpoint));
    to.extend_from_slice(&(key.len() as u16).to_le_bytes());
    to.extend_from_slice(&(value.len() as u32).to_le_bytes());
    to.extend_from_slice(key);
    to.extend_from_slice(value);
}

/// The index, and the end of the last frame that is whole.
fn recover(path: &Path) -> (Index, u64) {
    let log = fs::read(path).unwrap();
    let (mut index, mut at) = (Index::new(), 0);
    while let Some(rows) = frame(&log[at..]) {
        at += FRAME_HEADER;
        let end = at + rows.len();
        while at < end {
            let number = |from: usize, bytes: usize| {
                let mut number = [0; 8];
                number[..bytes].copy_from_slice(&log[at + from..at + from + bytes]);
                u64::from_le_bytes(number) as usize
            };
            let (key, value) = (number(1, 2), number(3, 4));
            let key_at = at + ROW_HEADER;
            if log[at] == 1 {
                let place = ((key_at + key) as u64, value);
                index.insert(log[key_at..key_at + key].to_vec(), place);
            }
            at = key_at + key + value;
        }
    }
    (index, at as u64)
}

/// The rows of the frame that `log` begins with, if it is whole.
fn frame(log: &[u8]) -> Option<&[u8]> {
    let (crc, rest) = log.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let rows = rest.get(..u32::from_le_bytes(*length) as usize)?;
    (crc32fast::hash(rows) == u32::from_le_bytes(*crc)).then_some(rows)
}
