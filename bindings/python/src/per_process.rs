//! [`PerProcess`]: what each process has of its own, also one that was forked.

use std::sync::OnceLock;

/// One value for each process. In a fork, a lock that another thread held stays locked, and threads are gone: it begins anew.
pub(crate) struct PerProcess<T> {
    first: OnceLock<Box<Link<T>>>,
}

/// The value of a process, and those of its forks.
struct Link<T> {
    pid: u32,
    value: T,
    next: OnceLock<Box<Self>>,
}

impl<T: Default> PerProcess<T> {
    pub(crate) const fn new() -> Self {
        Self {
            first: OnceLock::new(),
        }
    }

    /// The value of this process.
    pub(crate) fn get(&self) -> &T {
        let pid = std::process::id();
        let link = || {
            Box::new(Link {
                pid,
                value: T::default(),
                next: OnceLock::new(),
            })
        };
        let mut found = self.first.get_or_init(link);
        while found.pid != pid {
            found = found.next.get_or_init(link);
        }
        &found.value
    }
}
