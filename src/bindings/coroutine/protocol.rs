//! What every coroutine object of ours does alike: being awaited, and stepped by a loop.

/// Implements it for a class with `step(py, resume)`; `throw` and `close` are its own.
macro_rules! protocol {
    ($class:ident) => {
        #[pymethods]
        impl $class {
            fn __await__(slf: Py<Self>) -> Py<Self> {
                slf
            }

            fn __iter__(slf: Py<Self>) -> Py<Self> {
                slf
            }

            fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.step(py, $crate::coroutine::next)
            }

            fn send<'py>(
                &self,
                py: Python<'py>,
                value: &Bound<'py, PyAny>,
            ) -> PyResult<Bound<'py, PyAny>> {
                if value.is_none() {
                    return self.step(py, $crate::coroutine::next);
                }
                self.step(py, |inner| inner.call_method1(intern!(py, "send"), (value,)))
            }
        }
    };
}

pub(crate) use protocol;
