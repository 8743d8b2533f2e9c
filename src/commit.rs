//! [`Commit`]: the answer to a submitted write, to be awaited or waited for.
//!
//! This module must never know what was written, nor any async runtime.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use parking_lot::Mutex;

/// A write that was submitted and may not have been acknowledged yet.
///
/// The write goes on whether or not the `Commit` is polled; awaiting it (in any runtime) or calling
/// [`wait`](Self::wait) tells when it is acknowledged and whether it failed. Dropping it does not
/// undo the write.
#[must_use = "a write is known to have been accepted only once its commit was awaited"]
pub struct Commit<E> {
    /// Never locked: the mutex only lets a commit be shared between threads, which its future need not
    /// allow.
    state: Mutex<State<E>>,
}

enum State<E> {
    Ready(Option<Result<(), E>>),
    Pending(BoxFuture<'static, Result<(), E>>),
    Helping(Box<dyn Helping<E>>),
}

/// A pending write that goes faster when a thread blocks for it than when one sleeps until it is
/// woken: the thread can do part of the work.
pub(crate) trait Helping<E>: Future<Output = Result<(), E>> + Unpin + Send {
    /// Blocks until the write is acknowledged, and helps.
    fn wait(self: Box<Self>) -> Result<(), E>;
}

impl<E> Commit<E> {
    /// A commit whose outcome is known already.
    pub fn ready(outcome: Result<(), E>) -> Self {
        Self {
            state: Mutex::new(State::Ready(Some(outcome))),
        }
    }

    /// A commit that `outcome` resolves. The write must go on even if this is never polled.
    pub fn pending(outcome: impl Future<Output = Result<(), E>> + Send + 'static) -> Self {
        Self {
            state: Mutex::new(State::Pending(Box::pin(outcome))),
        }
    }

    /// As [`pending`](Self::pending), for an outcome that a blocked thread can hasten.
    pub(crate) fn helping(outcome: impl Helping<E> + 'static) -> Self {
        Self {
            state: Mutex::new(State::Helping(Box::new(outcome))),
        }
    }

    /// Whether the write was refused when it was submitted. One that was not may fail later.
    pub(crate) fn is_refused(&mut self) -> bool {
        matches!(self.state.get_mut(), State::Ready(Some(Err(_))))
    }

    /// Blocks this thread until the write is acknowledged.
    ///
    /// # Errors
    /// Whatever kept the write from being acknowledged.
    pub fn wait(self) -> Result<(), E> {
        match self.state.into_inner() {
            State::Ready(Some(outcome)) => outcome,
            State::Ready(None) => Ok(()),
            State::Pending(outcome) => futures::executor::block_on(outcome),
            State::Helping(outcome) => outcome.wait(),
        }
    }
}

impl<E> Future for Commit<E>
where
    E: Unpin,
{
    type Output = Result<(), E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = match self.state.get_mut() {
            State::Ready(outcome) => Poll::Ready(outcome.take().unwrap_or(Ok(()))),
            State::Pending(outcome) => outcome.as_mut().poll(cx),
            State::Helping(outcome) => Pin::new(outcome).poll(cx),
        };
        match crate::probe::is_dead() {
            true => Poll::Pending,
            false => polled,
        }
    }
}

impl<E> std::fmt::Debug for Commit<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Commit").finish_non_exhaustive()
    }
}
