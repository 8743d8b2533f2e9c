//! [`Warm`]: which threads were put or read not long ago, so that reading them again finds most in memory, and whether
//! somebody has put since.

use hashlink::LruCache;
use parking_lot::Mutex;

/// So many are remembered.
const KEPT: usize = 1024;

/// A thread and a namespace of it.
type Key = (String, String);

/// Threads and namespaces that were put or read not long ago. That they are warm is a hint: what was in memory may have gone.
/// Their turns are none: as long as that of a namespace is the same, nobody has put a checkpoint to it.
pub(crate) struct Warm(Mutex<Turns>);

struct Turns {
    by_key: LruCache<Key, Turn>,
    next: u64,
}

#[derive(Clone, Copy)]
struct Turn {
    number: u64,
    /// Of the puts those that are not acknowledged, which readers may or may not see.
    open: u64,
}

impl Default for Warm {
    fn default() -> Self {
        Self(Mutex::new(Turns {
            by_key: LruCache::new(KEPT),
            next: 1,
        }))
    }
}

impl Warm {
    /// It is being read. Its turn, or 0 while there are puts that may or may not be seen.
    pub(crate) fn read(&self, thread: &str, namespace: &str) -> u64 {
        let turn = self.0.lock().turn(thread, namespace);
        if turn.open == 0 { turn.number } else { 0 }
    }

    /// A checkpoint is put to it. Its new turn.
    pub(crate) fn put(&self, thread: &str, namespace: &str) -> u64 {
        let mut turns = self.0.lock();
        let open = turns.turn(thread, namespace).open + 1;
        let number = turns.number();
        let key = (thread.to_owned(), namespace.to_owned());
        turns.by_key.insert(key, Turn { number, open });
        number
    }

    /// A checkpoint that was put is acknowledged, or refused.
    pub(crate) fn settled(&self, thread: &str, namespace: &str) {
        let mut turns = self.0.lock();
        let mut turn = turns.turn(thread, namespace);
        turn.open = turn.open.saturating_sub(1);
        let key = (thread.to_owned(), namespace.to_owned());
        turns.by_key.insert(key, turn);
    }

    /// A thread is no longer what it was.
    pub(crate) fn forget(&self, thread: &str) {
        self.0.lock().by_key.retain(|(of, _), _| of != thread);
    }

    pub(crate) fn has(&self, thread: &str, namespace: &str) -> bool {
        let key = (thread.to_owned(), namespace.to_owned());
        self.0.lock().by_key.get(&key).is_some()
    }
}

impl Turns {
    fn turn(&mut self, thread: &str, namespace: &str) -> Turn {
        let key = (thread.to_owned(), namespace.to_owned());
        if let Some(turn) = self.by_key.get(&key) {
            return *turn;
        }
        let number = self.number();
        let turn = Turn { number, open: 0 };
        self.by_key.insert(key, turn);
        turn
    }

    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }
}
