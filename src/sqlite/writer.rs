//! [`Writer`]: the thread that writes to a file, in the order in which it is asked to.
//!
//! What was asked for while it was busy is committed with one transaction.

use std::fmt::Debug;
use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;

use futures::channel::oneshot;
use parking_lot::Mutex;
use rusqlite::{Connection, TransactionBehavior};

use crate::Commit;

/// So many writes are committed at once.
const MOST: usize = 256;

/// What writing fails with.
pub(crate) trait Failure: Clone + Debug + Unpin + Send + 'static {
    /// SQLite failed at `what`.
    fn of(what: &str, error: Arc<rusqlite::Error>) -> Self;
}

struct Job<E> {
    run: Box<dyn FnOnce(&Connection) -> Result<(), E> + Send>,
    done: oneshot::Sender<Result<(), E>>,
}

/// A thread with the only connection that writes.
#[derive(Debug)]
pub(crate) struct Writer<E> {
    jobs: Mutex<Option<mpsc::Sender<Job<E>>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl<E: Failure> Writer<E> {
    pub(crate) fn start(connection: Connection) -> io::Result<Self> {
        let (jobs, queue) = mpsc::channel();
        let builder = std::thread::Builder::new().name("stepwell-sqlite".into());
        let thread = builder.spawn(move || write_all(connection, &queue))?;
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Has `run` write within a transaction, after all that was submitted before. If it fails, nothing of it is kept.
    pub(crate) fn submit(
        &self,
        run: impl FnOnce(&Connection) -> Result<(), E> + Send + 'static,
    ) -> Commit<E> {
        let (done, outcome) = oneshot::channel();
        let run = Box::new(run);
        if let Some(jobs) = &*self.jobs.lock() {
            // If the thread has gone, so has the other end of `done`.
            let _ = jobs.send(Job { run, done });
        }
        Commit::pending(async move {
            let gone = || Err(E::of("writing", Arc::new(rusqlite::Error::InvalidQuery)));
            outcome.await.unwrap_or_else(|_| gone())
        })
    }
}

impl<E> Drop for Writer<E> {
    fn drop(&mut self) {
        // It ends when what was submitted is written.
        drop(self.jobs.lock().take());
        if let Some(thread) = self.thread.lock().take() {
            let _ = thread.join();
        }
    }
}

fn write_all<E: Failure>(mut connection: Connection, queue: &mpsc::Receiver<Job<E>>) {
    while let Ok(first) = queue.recv() {
        let mut jobs = vec![first];
        jobs.extend(queue.try_iter().take(MOST - 1));
        let (mut outcomes, mut waiting) = (Vec::new(), Vec::new());
        let (runs, dones): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|job| (job.run, job.done)).unzip();
        waiting.extend(dones);
        let committed = write_some(&mut connection, runs, &mut outcomes);
        let failed = committed.map_err(|error| E::of("writing", Arc::new(error)));
        outcomes.resize(waiting.len(), Ok(()));
        for (done, outcome) in waiting.into_iter().zip(outcomes) {
            let outcome = failed.clone().and(outcome);
            // Nobody need wait for it.
            let _ = done.send(outcome);
        }
    }
}

type Run<E> = Box<dyn FnOnce(&Connection) -> Result<(), E> + Send>;

fn write_some<E: Failure>(
    connection: &mut Connection,
    runs: Vec<Run<E>>,
    outcomes: &mut Vec<Result<(), E>>,
) -> rusqlite::Result<()> {
    let mut all = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for run in runs {
        let one = all.savepoint()?;
        let outcome = run(&one);
        match &outcome {
            Ok(()) => one.commit()?,
            Err(_) => one.finish()?,
        }
        outcomes.push(outcome);
    }
    all.commit()
}
