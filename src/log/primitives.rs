//! Locks, conditions and atomics of whoever commits, in one place: the feature `schedules` puts those of a schedule explorer there.

#[cfg(not(feature = "schedules"))]
pub(super) use parking_lot::{Condvar, Mutex, MutexGuard};
#[cfg(not(feature = "schedules"))]
pub(super) use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[cfg(not(feature = "schedules"))]
pub(super) use std::{thread::yield_now, thread_local};

#[cfg(feature = "schedules")]
pub(super) use explored::{Condvar, Mutex, MutexGuard};
#[cfg(feature = "schedules")]
pub(super) use shuttle::sync::atomic::{AtomicBool, AtomicU64, Ordering};
#[cfg(feature = "schedules")]
pub(super) use shuttle::{thread::yield_now, thread_local};

#[cfg(feature = "schedules")]
mod explored {
    use std::ops::{Deref, DerefMut};
    use std::sync::PoisonError;
    use std::time::{Duration, Instant};

    /// A mutex of the explorer, with `parking_lot`'s ways.
    #[derive(Debug, Default)]
    pub(in crate::log) struct Mutex<T>(shuttle::sync::Mutex<T>);

    impl<T> Mutex<T> {
        pub(in crate::log) fn new(value: T) -> Self {
            Self(shuttle::sync::Mutex::new(value))
        }

        pub(in crate::log) fn lock(&self) -> MutexGuard<'_, T> {
            MutexGuard {
                mutex: &self.0,
                held: Some(self.0.lock().unwrap_or_else(PoisonError::into_inner)),
            }
        }
    }

    /// `held` but within a wait.
    pub(in crate::log) struct MutexGuard<'a, T> {
        mutex: &'a shuttle::sync::Mutex<T>,
        held: Option<shuttle::sync::MutexGuard<'a, T>>,
    }

    impl<T> Deref for MutexGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            match &self.held {
                Some(held) => held,
                None => unreachable!("nobody looks while it waits"),
            }
        }
    }

    impl<T> DerefMut for MutexGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            match &mut self.held {
                Some(held) => held,
                None => unreachable!("nobody looks while it waits"),
            }
        }
    }

    /// A condition of the explorer, with `parking_lot`'s ways.
    #[derive(Debug, Default)]
    pub(in crate::log) struct Condvar(shuttle::sync::Condvar);

    impl Condvar {
        pub(in crate::log) fn new() -> Self {
            Self::default()
        }

        pub(in crate::log) fn wait<T>(&self, guard: &mut MutexGuard<'_, T>) {
            if let Some(held) = guard.held.take() {
                let held = self.0.wait(held).unwrap_or_else(PoisonError::into_inner);
                guard.held = Some(held);
            }
        }

        /// The time may be over at any moment, so it is over now.
        pub(in crate::log) fn wait_for<T>(
            &self,
            guard: &mut MutexGuard<'_, T>,
            _: Duration,
        ) -> Over {
            guard.held = None;
            shuttle::thread::yield_now();
            let held = guard.mutex.lock();
            guard.held = Some(held.unwrap_or_else(PoisonError::into_inner));
            Over
        }

        pub(in crate::log) fn wait_until<T>(
            &self,
            guard: &mut MutexGuard<'_, T>,
            _: Instant,
        ) -> Over {
            self.wait_for(guard, Duration::ZERO)
        }

        pub(in crate::log) fn notify_one(&self) {
            self.0.notify_one();
        }

        pub(in crate::log) fn notify_all(&self) {
            self.0.notify_all();
        }
    }

    /// A wait came to its end.
    pub(in crate::log) struct Over;
}
