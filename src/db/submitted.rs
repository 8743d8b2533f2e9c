//! [`Submitted`]: a record on its way into the log.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use crate::db::DbError;
use crate::db::place::At;
use crate::db::view::{Note, View};
use crate::index::{Refused, Unapplied};
use crate::log::{FrameAddress, Ticket};

/// A record on its way into the log. It gets there whether or not anyone waits.
///
/// Resolves when the record is acknowledged, to why the index did not take it, if it did not.
#[derive(Debug)]
pub(crate) struct Submitted {
    ticket: Ticket<Note>,
    fate: Fate,
}

/// What becomes of the record in the index.
#[derive(Debug)]
struct Fate {
    /// It will be taken.
    certain: bool,
    unapplied: Arc<OnceLock<Unapplied>>,
    view: Arc<View>,
}

impl Submitted {
    /// A record on its way into the log, and then into the index `view`, which is `certain` to take it, or sets `unapplied`.
    pub(super) fn new(
        ticket: Ticket<Note>,
        certain: bool,
        unapplied: Arc<OnceLock<Unapplied>>,
        view: &Arc<View>,
    ) -> Self {
        let view = Arc::clone(view);
        let fate = Fate {
            certain,
            unapplied,
            view,
        };
        Self { ticket, fate }
    }

    /// Where its frame is, or will be.
    pub(super) fn address(&self) -> FrameAddress {
        self.ticket.address()
    }

    /// Where a value of the frame is, or will be.
    pub(super) fn at(&self, record: u32, value: u32) -> At {
        At {
            frame: self.ticket.address(),
            record,
            value,
        }
    }

    /// Is set when the index has not taken it.
    pub(super) fn fate(&self) -> Arc<OnceLock<Unapplied>> {
        Arc::clone(&self.fate.unapplied)
    }

    /// Blocks until the record is acknowledged, and may lead the commit of all who wait.
    pub(crate) fn wait(self) -> Result<Option<Refused>, DbError> {
        let Self { ticket, fate } = self;
        ticket.wait()?;
        fate.outcome()
    }
}

impl Future for Submitted {
    type Output = Result<Option<Refused>, DbError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        ready!(Pin::new(&mut self.ticket).poll(cx))?;
        Poll::Ready(self.fate.outcome())
    }
}

impl Fate {
    /// What became of it, once it is acknowledged.
    fn outcome(&self) -> Result<Option<Refused>, DbError> {
        if !self.certain || self.view.has_ended() {
            self.view.catch_up();
        }
        match self.unapplied.get() {
            None => Ok(None),
            Some(Unapplied::Refused(refused)) => Ok(Some(refused.clone())),
            Some(Unapplied::Tables(error)) => Err(error.clone().into()),
        }
    }
}
