//! [`Warm`]: which threads were put or read not long ago, so that reading them again finds most in memory, and whether
//! somebody has put since.

use std::hash::{DefaultHasher, Hash, Hasher};

use hashlink::LruCache;
use parking_lot::{Mutex, MutexGuard};

/// So many are remembered.
const KEPT: usize = 1024;

/// So many locks order the puts, each those of its share of the namespaces.
const ORDERS: usize = 64;

/// A thread and a namespace of it.
type Key = (String, String);

/// Threads and namespaces that were put or read not long ago. That they are warm is a hint: what was in memory may have gone.
/// Their turns are none: as long as that of a namespace is the same, nobody has put a checkpoint to it.
pub(crate) struct Warm {
    turns: Mutex<Turns>,
    orders: [Mutex<()>; ORDERS],
}

/// A namespace to which nobody else puts a checkpoint meanwhile.
pub(crate) struct InTurn<'w> {
    warm: &'w Warm,
    thread: &'w str,
    namespace: &'w str,
    _order: MutexGuard<'w, ()>,
}

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
        let turns = Turns {
            by_key: LruCache::new(KEPT),
            next: 1,
        };
        Self {
            turns: Mutex::new(turns),
            orders: std::array::from_fn(|_| Mutex::default()),
        }
    }
}

impl Warm {
    /// It is being read. Its turn, or 0 while there are puts that may or may not be seen.
    pub(crate) fn read(&self, thread: &str, namespace: &str) -> u64 {
        let turn = self.turns.lock().turn(thread, namespace);
        if turn.open == 0 { turn.number } else { 0 }
    }

    /// The namespace, for as long as it takes to submit a checkpoint.
    pub(crate) fn in_turn<'w>(&'w self, thread: &'w str, namespace: &'w str) -> InTurn<'w> {
        let mut hasher = DefaultHasher::new();
        (thread, namespace).hash(&mut hasher);
        let at = usize::try_from(hasher.finish() % ORDERS as u64).unwrap_or_default();
        let [first, ..] = &self.orders;
        InTurn {
            warm: self,
            thread,
            namespace,
            _order: self.orders.get(at).unwrap_or(first).lock(),
        }
    }

    /// A checkpoint that was put is acknowledged, or refused.
    pub(crate) fn settled(&self, thread: &str, namespace: &str) {
        let mut turns = self.turns.lock();
        let mut turn = turns.turn(thread, namespace);
        turn.open = turn.open.saturating_sub(1);
        let key = (thread.to_owned(), namespace.to_owned());
        turns.by_key.insert(key, turn);
    }

    /// A thread is no longer what it was.
    pub(crate) fn forget(&self, thread: &str) {
        self.turns.lock().by_key.retain(|(of, _), _| of != thread);
    }

    pub(crate) fn has(&self, thread: &str, namespace: &str) -> bool {
        let key = (thread.to_owned(), namespace.to_owned());
        self.turns.lock().by_key.get(&key).is_some()
    }
}

impl InTurn<'_> {
    /// As long as it is the same, nobody has put a checkpoint.
    pub(crate) fn number(&self) -> u64 {
        let mut turns = self.warm.turns.lock();
        turns.turn(self.thread, self.namespace).number
    }

    /// A checkpoint is put. The new turn.
    pub(crate) fn put(&self) -> u64 {
        let mut turns = self.warm.turns.lock();
        let open = turns.turn(self.thread, self.namespace).open + 1;
        let number = turns.number();
        let key = (self.thread.to_owned(), self.namespace.to_owned());
        turns.by_key.insert(key, Turn { number, open });
        number
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
