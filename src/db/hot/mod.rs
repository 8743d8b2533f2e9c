//! [`Hot`]: what is kept in memory of what was put last, so that the next checkpoint need not read its parent.
//!
//! All of it can be forgotten at any time, but for the LSN after what was put last ([`Puts`]): what is not here is looked up in the
//! index, once that has what was put, and read from the log.
//!
//! It names values that the index may no longer need, and a record that is put names what it found here. So whoever removes
//! frames from the log asks what is named ([`Hot::named`]) and keeps that; no put waits for him. What holds meanwhile, and must:
//! - A place gets into a thread's memory only under the thread's lock, and comes from a look-up in the index that was made
//!   under it, or from the record that was just submitted. So after a thread was asked, it comes to name only what it named
//!   then, what the index shows later, and what was put later.
//! - What was forgotten for want of room may still be in use by a put that began before. It holds a share in an era
//!   ([`Db::enter`](crate::db::Db)) that the compaction waits for after it has asked.
//!
//! Values are kept by LSN and number, which are never given to others, so they may outlive their frames.

mod checkpoint;
mod contents;
mod puts;
mod sources;
mod thread;
mod values;
mod versions;

use std::mem;
use std::sync::Arc;

use hashlink::LruCache;
use parking_lot::Mutex;

use crate::log::Lsn;

pub(super) use checkpoint::{Draft, Held, HotCheckpoint, HotValue};
pub(super) use contents::{Content, Contents, LASTING_BYTES, MIN_BYTES, NewContent};
pub(super) use puts::Puts;
pub(super) use sources::Sources;
pub(super) use thread::HotThread;
pub(crate) use values::Values;
pub(super) use versions::HotVersions;

/// What is kept in memory of what was put last.
#[derive(Debug)]
pub(crate) struct Hot {
    threads: Mutex<Threads>,
    limit: usize,
    values: Values,
    contents: Contents,
}

#[derive(Debug)]
struct Threads {
    by_name: LruCache<Box<str>, Slot>,
    bytes: usize,
    /// The LSN after what was put last in threads that were forgotten.
    forgotten: Lsn,
    /// How often it was asked what is named.
    asked: u64,
}

#[derive(Debug)]
struct Slot {
    thread: Arc<Mutex<HotThread>>,
    /// As it was counted last.
    bytes: usize,
    /// Of which times that it was asked what is named the thread has answered the last.
    asked: u64,
}

/// So many threads are looked up at a time when it is asked what they name: puts of all threads wait meanwhile.
const ASKED_AT_ONCE: usize = 256;

/// This part of the memory is for what is known of threads, the rest for values.
const THREADS_SHARE: usize = 4;

impl Hot {
    /// Takes at most about `limit` bytes of memory.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            threads: Mutex::new(Threads {
                by_name: LruCache::new_unbounded(),
                bytes: 0,
                forgotten: Lsn::FIRST,
                asked: 0,
            }),
            limit: limit / THREADS_SHARE,
            values: Values::new(limit - limit / THREADS_SHARE),
            contents: Contents::new(),
        }
    }

    /// Values by their places.
    pub(crate) fn values(&self) -> &Values {
        &self.values
    }

    /// Large values by their contents. What is found there may be named in a record only by whoever was in an era
    /// ([`Db::enter`](crate::db::Db)) before he looked.
    pub(in crate::db) fn contents(&self) -> &Contents {
        &self.contents
    }

    /// Lends what is known of a thread. Whoever has it is alone with the thread, so what is submitted meanwhile is in
    /// the order in which it was made.
    pub(super) fn with_thread<T>(&self, name: &str, with: impl FnOnce(&mut HotThread) -> T) -> T {
        let shared = self.threads.lock().get(name);
        let (outcome, bytes) = {
            let mut thread = shared.lock();
            let outcome = with(&mut thread);
            (outcome, thread.recounted())
        };
        // Nobody has it now, unless others wait for it.
        drop(shared);
        if let Some(bytes) = bytes {
            self.threads.lock().settle(name, bytes, self.limit);
        }
        outcome
    }

    /// The LSNs of the records that are named by what is kept of threads. Asks one thread after the other: puts go on meanwhile.
    pub(crate) fn named(&self) -> Vec<u64> {
        let mut named = Vec::new();
        let asked = {
            let mut threads = self.threads.lock();
            threads.asked += 1;
            threads.asked
        };
        loop {
            let next = self.threads.lock().not_asked(asked);
            if next.is_empty() {
                return named;
            }
            for thread in next {
                thread.lock().named(&mut |at| named.push(at.lsn().get()));
            }
        }
    }

    /// Gives back the memory, when nothing is put any more.
    pub(crate) fn forget_all(&self) {
        let mut threads = self.threads.lock();
        threads.bytes = 0;
        let forgotten = mem::replace(&mut threads.by_name, LruCache::new_unbounded());
        drop(threads);
        // Not under the lock: this takes a while.
        drop(forgotten);
        self.values.clear();
        self.contents.clear();
    }
}

impl Threads {
    fn get(&mut self, name: &str) -> Arc<Mutex<HotThread>> {
        if let Some(slot) = self.by_name.get(name) {
            return Arc::clone(&slot.thread);
        }
        let thread = Arc::new(Mutex::new(HotThread::since(self.forgotten)));
        let slot = Slot {
            thread: Arc::clone(&thread),
            bytes: 0,
            asked: 0,
        };
        self.by_name.insert(name.into(), slot);
        thread
    }

    /// Some of the threads that have not answered yet, which are taken to have. Those that come meanwhile have nothing to say.
    fn not_asked(&mut self, asked: u64) -> Vec<Arc<Mutex<HotThread>>> {
        let slots = self.by_name.iter_mut().map(|(_, slot)| slot);
        let next = slots.filter(|slot| slot.asked < asked);
        let next = next.take(ASKED_AT_ONCE).map(|slot| {
            slot.asked = asked;
            Arc::clone(&slot.thread)
        });
        next.collect()
    }

    /// Counts a thread anew, and forgets those that were not used for longest.
    fn settle(&mut self, name: &str, bytes: usize, limit: usize) {
        if let Some(slot) = self.by_name.get_mut(name) {
            self.bytes = (self.bytes + bytes).saturating_sub(slot.bytes);
            slot.bytes = bytes;
        }
        // Whoever has a thread is alone with it only as long as it is here.
        for _ in 0..self.by_name.len() {
            if self.bytes <= limit {
                return;
            }
            let Some((name, mut oldest)) = self.by_name.remove_lru() else {
                return;
            };
            match Arc::try_unwrap(oldest.thread) {
                Ok(thread) => {
                    self.bytes = self.bytes.saturating_sub(oldest.bytes);
                    self.forgotten = self.forgotten.max(thread.into_inner().end());
                }
                Err(in_use) => {
                    oldest.thread = in_use;
                    self.by_name.insert(name, oldest);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Encoded;
    use crate::db::place::At;
    use crate::log::{FrameAddress, Lsn, SegmentId};
    use crate::version::ChannelVersion;

    fn put(at: At) -> HotCheckpoint {
        HotCheckpoint {
            id: "1".into(),
            put: None,
            certain: true,
            versions: HotVersions::default(),
            channels: [("c".into(), (ChannelVersion::Int(1), Held::Cold(at)))].into(),
        }
    }

    pub(super) fn at(lsn: u64) -> At {
        At {
            frame: FrameAddress {
                lsn: Lsn::new(lsn),
                records: 1,
                segment: SegmentId::new(Lsn::new(1)),
                offset: 0,
                payload_len: 1,
            },
            record: 0,
            value: 0,
        }
    }

    #[test]
    fn every_thread_tells_what_it_names() {
        let hot = Hot::new(1 << 24);
        let threads = 2 * u64::try_from(ASKED_AT_ONCE).unwrap() + 10;
        for lsn in 0..threads {
            hot.with_thread(&lsn.to_string(), |thread| {
                let namespace = thread.namespace("n");
                namespace.checkpoint = Some(put(at(2 * lsn)));
                namespace.sources.begin("1");
                let source = Encoded::new("bytes", "source");
                namespace.sources.add(at(2 * lsn + 1), source);
            });
        }
        for _ in 0..2 {
            let mut named = hot.named();
            named.sort_unstable();
            assert!(named.into_iter().eq(0..2 * threads));
        }
    }

    #[test]
    fn all_is_forgotten() {
        let hot = Hot::new(1 << 20);
        hot.values().insert((1, 0), Encoded::new("bytes", "value"));
        hot.with_thread("t", |thread| thread.namespace("n").sources.begin("1"));
        hot.forget_all();
        assert_eq!(hot.values().get((1, 0)), None);
        assert_eq!(hot.threads.lock().by_name.len(), 0);
    }
}
