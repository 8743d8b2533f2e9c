//! [`Pending`]: a write that was submitted and is not acknowledged yet.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll, Wake};

use parking_lot::Mutex;
use pyo3::prelude::*;
use stepwell::Commit;
use stepwell::checkpoint::CheckpointError;

use crate::failure::{Failure, Outcome, blocking, guarded};
use crate::per_process::PerProcess;
use crate::warm::Warm;

/// A write on its way. It goes on whether or not anybody waits.
#[pyclass(frozen, module = "stepwell._native")]
pub(crate) struct Pending {
    commit: Mutex<Option<Commit<CheckpointError>>>,
    put: Option<PutTo>,
    /// The process that submitted it.
    pid: u32,
}

/// Where a checkpoint was put, which is told when that is acknowledged.
pub(crate) struct PutTo {
    pub(crate) warm: Arc<Warm>,
    pub(crate) thread: String,
    pub(crate) namespace: String,
    pub(crate) turn: u64,
}

impl Pending {
    pub(crate) fn new(commit: Commit<CheckpointError>) -> Self {
        Self {
            commit: Mutex::new(Some(commit)),
            put: None,
            pid: std::process::id(),
        }
    }

    pub(crate) fn put(commit: Commit<CheckpointError>, put: PutTo) -> Self {
        let mut pending = Self::new(commit);
        pending.put = Some(put);
        pending
    }

    /// Nobody acknowledges anything to a fork of the process.
    fn check_process(&self) -> Outcome<()> {
        if self.pid == std::process::id() {
            return Ok(());
        }
        Err(Failure::new(
            "ForkedProcessError",
            format!(
                "this write was submitted by process {}, of which this is a fork; wait for it there",
                self.pid
            ),
        ))
    }

    fn settled(&self) {
        if let Some(put) = &self.put {
            put.warm.settled(&put.thread, &put.namespace);
        }
    }
}

#[pymethods]
impl Pending {
    /// Of the namespace that a checkpoint was put to; 0 for what is no checkpoint.
    #[getter]
    fn turn(&self, py: Python<'_>) -> PyResult<u64> {
        guarded(py, || Ok(self.put.as_ref().map_or(0, |put| put.turn)))
    }

    /// Blocks until it is acknowledged.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        blocking(py, || {
            self.check_process()?;
            let Some(commit) = self.commit.lock().take() else {
                return Ok(());
            };
            let outcome = commit.wait();
            self.settled();
            Ok(outcome?)
        })
    }

    /// Whether it is acknowledged. If not, `wake` is called once, from another thread, when it is time to ask again.
    fn poll(&self, py: Python<'_>, wake: Py<PyAny>) -> PyResult<bool> {
        guarded(py, || {
            self.check_process()?;
            let mut commit = self.commit.lock();
            let Some(pending) = commit.as_mut() else {
                return Ok(true);
            };
            let waker = Arc::new(Waking(Mutex::new(Some(wake)))).into();
            match Pin::new(pending).poll(&mut Context::from_waker(&waker)) {
                Poll::Pending => Ok(false),
                Poll::Ready(outcome) => {
                    *commit = None;
                    self.settled();
                    outcome.map(|()| true).map_err(Failure::from)
                }
            }
        })
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        if self.check_process().is_err() {
            // Its locks are the other process's.
            std::mem::forget(self.commit.get_mut().take());
        }
    }
}

/// What is to be called. Whoever commits must not wait for the interpreter, so another thread calls it.
struct Waking(Mutex<Option<Py<PyAny>>>);

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        if let Some(call) = self.0.lock().take() {
            // If the thread could not be started, there is none to tell.
            let _ = CALLER.get().0.lock().send(call);
        }
    }
}

static CALLER: PerProcess<Caller> = PerProcess::new();

/// The way to the thread that calls.
struct Caller(Mutex<Sender<Py<PyAny>>>);

impl Default for Caller {
    fn default() -> Self {
        let (sender, calls) = channel::<Py<PyAny>>();
        let _ = std::thread::Builder::new()
            .name("stepwell-wake".to_owned())
            .spawn(move || {
                while let Ok(first) = calls.recv() {
                    let mut due = vec![first];
                    due.extend(calls.try_iter());
                    // An interpreter that is ending waits for nobody, and a closed loop has nobody to wake.
                    let _ = Python::try_attach(|py| {
                        for call in due.drain(..) {
                            let _ = call.call0(py);
                        }
                    });
                }
            });
        Self(Mutex::new(sender))
    }
}
