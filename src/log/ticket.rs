//! [`Ticket`]: a submitted frame that may not have been acknowledged yet.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::shared::Shared;
use super::{FrameAddress, LogError, Lsn};

/// A submitted frame that may not have been acknowledged yet.
///
/// It is written soon whether or not anyone waits for it, and dropping the ticket does not undo
/// it. Awaiting the ticket, or [`wait`](Self::wait), tells when it is acknowledged, and gives the
/// LSN of the frame's first record.
#[must_use = "a frame is known to have been accepted only once its ticket was awaited"]
pub struct Ticket<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    address: FrameAddress,
    registered: bool,
}

impl<T: Send + 'static> Ticket<T> {
    pub(super) fn new(shared: Arc<Shared<T>>, address: FrameAddress) -> Self {
        Self {
            shared,
            address,
            registered: false,
        }
    }

    /// The LSN of the frame's first record.
    pub fn lsn(&self) -> Lsn {
        self.address.lsn
    }

    /// Where the frame is, or will be once it is acknowledged.
    pub fn address(&self) -> FrameAddress {
        self.address
    }

    /// Blocks this thread until the frame is acknowledged. The thread may do the write and the
    /// sync itself, for all who are queued, so this is the fastest way to commit from a thread.
    ///
    /// # Errors
    /// [`LogError::Poisoned`] if the log failed before.
    pub fn wait(self) -> Result<Lsn, LogError> {
        let end = self.address.end().get();
        self.shared.wait(end).map(|()| self.address.lsn)
    }
}

impl<T: Send + 'static> Future for Ticket<T> {
    type Output = Result<Lsn, LogError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let polled = self.shared.poll(self.address.end().get(), context);
        self.registered = polled.is_pending();
        polled.map_ok(|()| self.address.lsn)
    }
}

impl<T: Send + 'static> Drop for Ticket<T> {
    fn drop(&mut self) {
        if self.registered {
            self.shared.forget(self.address.end().get());
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Ticket<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}
