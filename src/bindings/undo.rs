//! What every registration returns: a function that takes it back.

use parking_lot::Mutex;
use pyo3::prelude::*;

/// What a registration returns: calling it takes the registration back, once.
#[pyclass(frozen, module = "zerepy_plugins._native")]
pub(crate) struct Undo(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Undo {
    pub(crate) fn new(action: impl FnOnce() + Send + 'static) -> Self {
        Self(Mutex::new(Some(Box::new(action))))
    }
}

#[pymethods]
impl Undo {
    fn __call__(&self) {
        let action = self.0.lock().take();
        if let Some(action) = action {
            action();
        }
    }
}
