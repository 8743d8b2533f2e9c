//! [`Leases`]: who may write to a thread now.
//!
//! This module must never know what a run does, nor any async runtime.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Weak};

use futures::channel::oneshot;
use futures::future::BoxFuture;
use parking_lot::Mutex;

/// Which threads of a checkpointer are being run, so that no two runs write to one at the
/// same time. Clones share what they know. Those of a checkpointer that several processes share hold in all of them, but only tell at once what
/// is run in this one.
///
/// A checkpointer keeps one beside its checkpoints and hands out clones of it
/// ([`Checkpointer::leases`](crate::checkpoint::Checkpointer::leases)).
#[derive(Clone, Debug, Default)]
pub struct Leases {
    registry: Arc<Mutex<Registry>>,
    /// Whose leases these are, where several checkpointers share a registry.
    owner: usize,
    /// Who sees to it that the leases hold in other processes, too.
    beyond: Option<Arc<dyn Beyond>>,
}

/// Why it is not known whether another process runs a thread.
pub(crate) type Unknown = Arc<dyn std::error::Error + Send + Sync>;

/// A thread that no other process runs until this is dropped.
pub(crate) type Kept = Box<dyn Send + Sync>;

/// Keeps other processes from running what is run here.
pub(crate) trait Beyond: Send + Sync + std::fmt::Debug {
    /// Takes a thread, or gives `None` if another process runs it. With `patience` it waits until that is over.
    fn take(
        &self,
        thread: &str,
        patience: bool,
    ) -> BoxFuture<'static, Result<Option<Kept>, Unknown>>;

    /// The threads that other processes run.
    fn busy(&self) -> BoxFuture<'static, Result<HashSet<String>, Unknown>>;
}

type Registry = HashMap<Key, Busy>;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    owner: usize,
    thread: String,
    namespace: String,
}

#[derive(Debug, Default)]
struct Busy {
    /// Its holder has gone; only parts of its work have not noticed yet.
    ending: bool,
    /// The thread was deleted since the lease was taken.
    deleted: bool,
    waiting: VecDeque<oneshot::Sender<Lease>>,
}

/// The leases of checkpointers that keep none.
static SHARED: LazyLock<Arc<Mutex<Registry>>> = LazyLock::new(Arc::default);

impl Leases {
    /// Leases of which none is taken.
    pub fn new() -> Self {
        Self::default()
    }

    /// The leases of the checkpointer at this address.
    pub(crate) fn of_address(address: usize) -> Self {
        Self {
            registry: Arc::clone(&SHARED),
            owner: address,
            beyond: None,
        }
    }

    /// The same leases, kept in other processes, too.
    #[cfg(feature = "langgraph")]
    pub(crate) fn kept_by(&self, beyond: Arc<dyn Beyond>) -> Self {
        Self {
            beyond: Some(beyond),
            ..self.clone()
        }
    }

    /// The threads that other processes run.
    pub(crate) async fn busy_elsewhere(&self) -> Result<HashSet<String>, Unknown> {
        match &self.beyond {
            Some(beyond) => beyond.busy().await,
            None => Ok(HashSet::new()),
        }
    }

    /// Whether a run of the thread is going on in this process.
    pub fn is_busy(&self, thread: &str) -> bool {
        self.registry.lock().contains_key(&self.key(thread, ""))
    }

    /// Takes the lease of a thread and namespace unless somebody has it. Waits only for what is left
    /// of a holder that was dropped.
    pub(crate) async fn try_take(
        &self,
        thread: &str,
        namespace: &str,
    ) -> Result<Option<Lease>, Unknown> {
        let Some(request) = self.request(thread, namespace, false) else {
            return Ok(None);
        };
        match request.granted().await {
            Some(lease) => self.keep(lease, false).await,
            None => Ok(None),
        }
    }

    /// Takes the lease of a thread and namespace when it is free; who asks first in this process has it first.
    pub(crate) async fn take(&self, thread: &str, namespace: &str) -> Result<Lease, Unknown> {
        loop {
            if let Some(request) = self.request(thread, namespace, true)
                && let Some(lease) = request.granted().await
                && let Some(lease) = self.keep(lease, true).await?
            {
                return Ok(lease);
            }
        }
    }

    /// Has other processes know of a lease. `None` if one of them has the thread. Whoever runs a part of a thread has the whole of it.
    async fn keep(&self, lease: Lease, patience: bool) -> Result<Option<Lease>, Unknown> {
        if let Some(beyond) = &self.beyond
            && lease.0.key.namespace.is_empty()
        {
            match beyond.take(&lease.0.key.thread, patience).await? {
                Some(kept) => *lease.0.kept.lock() = Some(kept),
                None => return Ok(None),
            }
        }
        Ok(Some(lease))
    }

    /// Tells the run of the thread that is going on, if there is one, that the thread is deleted. The deletion is
    /// submitted in `submit`, so that the run submits nothing in between.
    pub(crate) fn deleting<T>(&self, thread: &str, submit: impl FnOnce() -> T) -> T {
        let mut registry = self.registry.lock();
        if let Some(busy) = registry.get_mut(&self.key(thread, "")) {
            busy.deleted = true;
        }
        submit()
    }

    fn request(&self, thread: &str, namespace: &str, patient: bool) -> Option<Request> {
        let key = self.key(thread, namespace);
        let mut registry = self.registry.lock();
        let Some(busy) = registry.get_mut(&key) else {
            registry.insert(key.clone(), Busy::default());
            return Some(Request::Granted(self.lease(key)));
        };
        let is_next = busy.ending && busy.waiting.is_empty();
        if !patient && !is_next {
            return None;
        }
        let (grant, granted) = oneshot::channel();
        busy.waiting.push_back(grant);
        Some(Request::Queued(granted))
    }

    fn lease(&self, key: Key) -> Lease {
        Lease(Arc::new(Held {
            leases: self.clone(),
            key,
            armed: AtomicBool::new(true),
            kept: Mutex::new(None),
        }))
    }

    fn key(&self, thread: &str, namespace: &str) -> Key {
        Key {
            owner: self.owner,
            thread: thread.to_owned(),
            namespace: namespace.to_owned(),
        }
    }

    /// Hands the lease to whoever waits longest and is still there.
    fn release(&self, key: &Key) {
        loop {
            let mut registry = self.registry.lock();
            let next = registry
                .get_mut(key)
                .and_then(|busy| busy.waiting.pop_front());
            let Some(next) = next else {
                registry.remove(key);
                return;
            };
            if let Some(busy) = registry.get_mut(key) {
                (busy.ending, busy.deleted) = (false, false);
            }
            drop(registry);
            let Err(refused) = next.send(self.lease(key.clone())) else {
                return;
            };
            refused.disarm();
        }
    }
}

enum Request {
    Granted(Lease),
    Queued(oneshot::Receiver<Lease>),
}

impl Request {
    async fn granted(self) -> Option<Lease> {
        match self {
            Self::Granted(lease) => Some(lease),
            Self::Queued(granted) => granted.await.ok(),
        }
    }
}

/// The right to write to a thread and namespace, until it and all its parts are dropped.
#[derive(Debug)]
pub(crate) struct Lease(LeasePart);

/// A share in a [`Lease`], for work that may outlive its holder for a moment.
pub(crate) type LeasePart = Arc<Held>;

pub(crate) struct Held {
    leases: Leases,
    key: Key,
    /// Whether dropping it hands the lease on.
    armed: AtomicBool,
    /// What keeps other processes away.
    kept: Mutex<Option<Kept>>,
}

impl Lease {
    /// From which work that belongs to the lease takes its share when it begins.
    pub(crate) fn part(&self) -> Weak<Held> {
        Arc::downgrade(&self.0)
    }

    /// Gives up a lease that nobody received, without handing it on.
    fn disarm(self) {
        self.0.armed.store(false, Ordering::Relaxed);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if self.0.armed.load(Ordering::Relaxed)
            && let Some(busy) = self.0.leases.registry.lock().get_mut(&self.0.key)
        {
            busy.ending = true;
        }
    }
}

impl Held {
    /// Calls `submit` unless the thread was deleted since the lease was taken; no deletion comes in
    /// between.
    pub(crate) fn unless_deleted<T>(&self, submit: impl FnOnce() -> T) -> Option<T> {
        let registry = self.leases.registry.lock();
        let deleted = registry.get(&self.key).is_some_and(|busy| busy.deleted);
        (!deleted).then(submit)
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Held").field("key", &self.key).finish()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // Before somebody else here has it, who takes it anew.
        drop(self.kept.get_mut().take());
        if self.armed.load(Ordering::Relaxed) {
            self.leases.release(&self.key);
        }
    }
}

#[cfg(test)]
mod tests;
