//! [`Listing`]: checkpoints that are read as they are asked for.

use futures::StreamExt;
use futures::executor::block_on;
use parking_lot::Mutex;
use pyo3::prelude::*;
use stepwell::checkpoint::CheckpointStream;

use crate::failure::{blocking, guarded};
use crate::reading::to_python;

/// Checkpoints of one moment. Nobody waits for whoever does not read on.
#[pyclass(frozen, module = "stepwell._native")]
pub(crate) struct Listing(Mutex<Option<CheckpointStream>>);

impl Listing {
    pub(crate) fn new(stream: CheckpointStream) -> Self {
        Self(Mutex::new(Some(stream)))
    }
}

#[pymethods]
impl Listing {
    /// The next one.
    fn next<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let found = blocking(py, || {
            let mut stream = self.0.lock();
            let next = stream.as_mut().map(|stream| block_on(stream.next()));
            if !matches!(next, Some(Some(_))) {
                *stream = None;
            }
            Ok(next.flatten().transpose()?)
        })?;
        guarded(py, || {
            found.map(|found| to_python(py, &found, 0)).transpose()
        })
    }

    /// Lets go of the moment.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        blocking(py, || {
            drop(self.0.lock().take());
            Ok(())
        })
    }
}
