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

/// A write on its way. It goes on whether or not anybody waits.
#[pyclass(frozen, module = "stepwell._native")]
pub(crate) struct Pending(Mutex<Option<Commit<CheckpointError>>>);

impl Pending {
    pub(crate) fn new(commit: Commit<CheckpointError>) -> Self {
        Self(Mutex::new(Some(commit)))
    }
}

#[pymethods]
impl Pending {
    /// Blocks until it is acknowledged.
    fn wait(&self, py: Python<'_>) -> PyResult<()> {
        blocking(py, || {
            let commit = self.0.lock().take();
            commit.map_or(Ok(()), |commit| Ok(commit.wait()?))
        })
    }

    /// Whether it is acknowledged. If not, `wake` is called once, from another thread, when it is time to ask again.
    fn poll(&self, py: Python<'_>, wake: Py<PyAny>) -> PyResult<bool> {
        guarded(py, || {
            let mut commit = self.0.lock();
            let Some(pending) = commit.as_mut() else {
                return Ok(true);
            };
            let waker = Arc::new(Waking(Mutex::new(Some(wake)))).into();
            match Pin::new(pending).poll(&mut Context::from_waker(&waker)) {
                Poll::Pending => Ok(false),
                Poll::Ready(outcome) => {
                    *commit = None;
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
