//! [`ReadAhead`]: a thread reads the next bytes of a file while those in front of them are looked at.
//!
//! To have bytes copied by the system takes longer than to check them.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::thread::JoinHandle;

use parking_lot::{Condvar, Mutex};

use super::buffer::Buffer;
use crate::vfs::{Host, Job, VfsFile};

/// Reads parts of a file in the order in which they are asked for.
pub(super) struct ReadAhead {
    reading: Arc<Reading>,
    thread: Option<JoinHandle<()>>,
    /// What was asked for and not taken.
    asked: VecDeque<Range<u64>>,
}

struct Reading {
    file: Arc<dyn VfsFile>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    asked: VecDeque<Wanted>,
    /// A buffer for each that was read; none if that failed.
    read: VecDeque<Option<Buffer>>,
    /// The thread has ended, or is to end.
    ended: bool,
}

/// So many bytes from `offset` on, to be put behind the first ones of the buffer.
struct Wanted {
    offset: u64,
    bytes: usize,
    behind: usize,
    buffer: Buffer,
}

impl ReadAhead {
    /// Starts the thread; none where there are no threads.
    pub(super) fn start(host: &dyn Host, file: &Arc<dyn VfsFile>) -> Option<Self> {
        let reading = Arc::new(Reading {
            file: Arc::clone(file),
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let job = Arc::downgrade(&reading);
        let thread = host.start("stepwell-read", job).ok().flatten()?;
        Some(Self {
            reading,
            thread: Some(thread),
            asked: VecDeque::new(),
        })
    }

    /// How many parts were asked for and not taken, and where the last of them ends.
    pub(super) fn asked(&self) -> (usize, Option<u64>) {
        (self.asked.len(), self.asked.back().map(|part| part.end))
    }

    /// Asks for so many bytes from `offset` on, to be put into `buffer` behind its first bytes.
    pub(super) fn ask(&mut self, offset: u64, bytes: usize, behind: usize, buffer: Buffer) {
        self.asked.push_back(offset..offset + bytes as u64);
        let wanted = Wanted {
            offset,
            bytes,
            behind,
            buffer,
        };
        self.reading.state.lock().asked.push_back(wanted);
        self.reading.changed.notify_all();
    }

    /// Waits for what was asked for first, and gives it if it was read.
    pub(super) fn take(&mut self) -> Option<(Range<u64>, Buffer)> {
        let part = self.asked.pop_front()?;
        let mut state = self.reading.state.lock();
        while state.read.is_empty() && !state.ended {
            self.reading.changed.wait(&mut state);
        }
        let buffer = state.read.pop_front().flatten();
        buffer.map(|buffer| (part, buffer))
    }

    /// Forgets what was asked for.
    pub(super) fn forget(&mut self) {
        while !self.asked.is_empty() {
            let _ = self.take();
        }
    }
}

impl Drop for ReadAhead {
    fn drop(&mut self) {
        self.reading.end();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Reading {
    fn end(&self) {
        self.state.lock().ended = true;
        self.changed.notify_all();
    }
}

/// When the thread ends, whatever the reason, nobody is to wait for it.
struct Ending<'a>(&'a Reading);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl Job for Reading {
    fn run(&self) {
        let _ending = Ending(self);
        let mut state = self.state.lock();
        while !state.ended {
            let Some(mut wanted) = state.asked.pop_front() else {
                self.changed.wait(&mut state);
                continue;
            };
            drop(state);
            let memory = (wanted.buffer).first(wanted.behind.saturating_add(wanted.bytes));
            let memory = memory.get_mut(wanted.behind..).unwrap_or_default();
            let read = self.file.read_exact_at(memory, wanted.offset);
            state = self.state.lock();
            state.read.push_back(read.ok().map(|()| wanted.buffer));
            self.changed.notify_all();
        }
    }

    /// Without a thread, whoever looks at the bytes reads them.
    fn step(&self) {}
}
