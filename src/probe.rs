//! Where a test may stop a run: before and after each node, and for good.
//!
//! Without the feature `testing` there is nothing here. With it, a thread that asks for it is told of each node that its runs come
//! to; so only runs in a runtime of one thread can be watched. It must never know what a graph or a file is.

use uuid::Uuid;

/// Where a node is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boundary {
    /// It is about to begin.
    Before,
    /// It has returned, and nothing of that is submitted yet.
    After,
}

#[cfg(feature = "testing")]
mod watching {
    use std::cell::RefCell;
    use std::sync::Arc;

    use uuid::Uuid;

    use super::Boundary;

    thread_local! {
        static PROBE: RefCell<Option<Arc<dyn Probe>>> = const { RefCell::new(None) };
    }

    /// Who watches the runs of a thread.
    pub(crate) trait Probe {
        /// A task of this id has come to a boundary of its node. How often others go first.
        fn at(&self, boundary: Boundary, namespace: &str, node: &str, task: &str) -> u32;

        /// Whether nothing may happen any more.
        fn is_dead(&self) -> bool;

        /// A number that nobody else has.
        fn unique(&self) -> Uuid;
    }

    /// Has this thread's runs watched until it is dropped.
    pub(crate) struct Watch(());

    impl Watch {
        pub(crate) fn with(probe: Arc<dyn Probe>) -> Self {
            PROBE.set(Some(probe));
            Self(())
        }
    }

    impl Drop for Watch {
        fn drop(&mut self) {
            PROBE.set(None);
        }
    }

    fn probe() -> Option<Arc<dyn Probe>> {
        PROBE.with_borrow(Option::clone)
    }

    pub(crate) async fn at(boundary: Boundary, namespace: &str, node: &str, task: &str) {
        let others = probe().map_or(0, |probe| probe.at(boundary, namespace, node, task));
        for _ in 0..others {
            tokio::task::yield_now().await;
        }
        if is_dead() {
            std::future::pending::<()>().await;
        }
    }

    pub(crate) fn is_dead() -> bool {
        probe().is_some_and(|probe| probe.is_dead())
    }

    pub(crate) fn unique() -> Option<Uuid> {
        probe().map(|probe| probe.unique())
    }
}

#[cfg(feature = "testing")]
pub(crate) use watching::{Probe, Watch, at, is_dead};

/// A task has come to a boundary of its node; whether it ever leaves it is the probe's to say.
#[cfg(not(feature = "testing"))]
pub(crate) async fn at(_: Boundary, _namespace: &str, _node: &str, _task: &str) {}

/// Whether nothing may happen any more.
#[cfg(not(feature = "testing"))]
pub(crate) const fn is_dead() -> bool {
    false
}

/// The same, and nothing comes back of it if the run has been stopped meanwhile: nobody sees the errors that
/// stopping it makes.
pub(crate) async fn alive<T>(work: impl Future<Output = T>) -> T {
    let done = work.await;
    if is_dead() {
        std::future::pending::<()>().await;
    }
    done
}

/// A number that nobody else has.
#[expect(
    clippy::disallowed_methods,
    reason = "what the state of a graph names need not be the same again, unless it is watched"
)]
pub(crate) fn unique() -> Uuid {
    #[cfg(feature = "testing")]
    if let Some(unique) = watching::unique() {
        return unique;
    }
    Uuid::new_v4()
}
