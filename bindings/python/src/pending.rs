//! [`Pending`]: a write that was submitted and is not acknowledged yet.

use std::future::Future;
use std::pin::Pin;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll, Wake};

use parking_lot::Mutex;
use pyo3::prelude::*;
use stepwell::Commit;
use stepwell::checkpoint::CheckpointError;

use crate::failure::{Failure, blocking, guarded};
use crate::warm::Warm;

/// A write on its way. It goes on whether or not anybody waits.
#[pyclass(frozen, module = "stepwell._native")]
pub(crate) struct Pending {
    commit: Mutex<Option<Commit<CheckpointError>>>,
    put: Option<PutTo>,
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
        }
    }

    pub(crate) fn put(commit: Commit<CheckpointError>, put: PutTo) -> Self {
        Self {
            put: Some(put),
            ..Self::new(commit)
        }
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

/// What is to be called. Whoever commits must not wait for the interpreter, so another thread calls it.
struct Waking(Mutex<Option<Py<PyAny>>>);

impl Wake for Waking {
    fn wake(self: Arc<Self>) {
        if let Some(call) = self.0.lock().take() {
            // If the thread could not be started, there is none to tell.
            let _ = CALLER.lock().send(call);
        }
    }
}

static CALLER: LazyLock<Mutex<Sender<Py<PyAny>>>> = LazyLock::new(|| {
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
    Mutex::new(sender)
});
