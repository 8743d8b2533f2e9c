//! Wakers that do what they should not, on whichever thread acknowledges.

use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use parking_lot::Mutex;
use stepwell::log::{LogOptions, Ticket};

use crate::faults::FaultyFs;
use crate::support::*;

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(60);

/// Panics.
struct Panics;

impl Wake for Panics {
    fn wake(self: Arc<Self>) {
        panic!("on purpose");
    }
}

/// Says so.
struct Tells(Mutex<Sender<()>>);

impl Wake for Tells {
    fn wake(self: Arc<Self>) {
        self.0.lock().send(()).unwrap();
    }
}

/// Lets go of the log, and says so.
struct Closes(Mutex<Option<TestLog>>, Mutex<Sender<()>>);

impl Wake for Closes {
    fn wake(self: Arc<Self>) {
        let log = self.0.lock().take();
        drop(log);
        self.1.lock().send(()).unwrap();
    }
}

fn is_pending(ticket: &mut Ticket<()>, waker: &Waker) -> bool {
    ticket
        .poll_unpin(&mut Context::from_waker(waker))
        .is_pending()
}

#[test]
fn a_waker_that_panics_stops_neither_the_log_nor_those_who_wait_beside() {
    let dir = tempfile::tempdir().unwrap();
    let (fs, faults) = FaultyFs::new();
    let (log, _, _) = open_with(fs, dir.path(), LogOptions::default(), Arc::new(())).unwrap();
    faults.close_gate();
    let (tell, told) = mpsc::channel();
    let mut first = log.submit(1, b"first", (), None).unwrap();
    let mut second = log.submit(1, b"second", (), None).unwrap();
    assert!(is_pending(&mut first, &Waker::from(Arc::new(Panics))));
    let tells = Waker::from(Arc::new(Tells(Mutex::new(tell))));
    assert!(is_pending(&mut second, &tells));
    faults.open_gate();
    told.recv_timeout(LONG).unwrap();
    assert!(!log.has_failed());
    commit(&log, b"third");
    block_on(first).unwrap();
    log.close().unwrap();
    let (_log, report, frames) = open(dir.path(), LogOptions::default()).unwrap();
    assert!(report.clean);
    assert_eq!(frames.len(), 3);
}

#[test]
fn the_last_owner_of_a_log_may_let_go_of_it_on_the_thread_that_commits() {
    let dir = tempfile::tempdir().unwrap();
    let (fs, faults) = FaultyFs::new();
    let (log, _, _) = open_with(fs, dir.path(), LogOptions::default(), Arc::new(())).unwrap();
    faults.close_gate();
    let mut ticket = log.submit(1, b"acknowledged", (), None).unwrap();
    drop(log.submit(1, b"not waited for", (), None).unwrap());
    let (tell, told) = mpsc::channel();
    let waker = Waker::from(Arc::new(Closes(Mutex::new(Some(log)), Mutex::new(tell))));
    assert!(is_pending(&mut ticket, &waker));
    faults.open_gate();
    told.recv_timeout(LONG).unwrap();
    let answer = ticket.poll_unpin(&mut Context::from_waker(&waker));
    assert!(matches!(answer, Poll::Ready(Ok(_))), "{answer:?}");
    let (_log, report, frames) = open(dir.path(), LogOptions::default()).unwrap();
    assert!(report.clean);
    assert_eq!(frames.len(), 2);
}
