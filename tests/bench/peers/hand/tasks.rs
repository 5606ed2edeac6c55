//! Async functions through pyo3-async-runtimes.

use std::time::Duration;

use pyo3::prelude::*;
use pyo3_async_runtimes::tokio::future_into_py;

/// Complete when it is asked for the first time.
#[pyfunction]
pub(crate) fn ready(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    future_into_py(py, async { Ok(1) })
}

/// Pending when it is asked for the first time, complete the next time.
#[pyfunction]
pub(crate) fn later(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    future_into_py(py, async {
        tokio::task::yield_now().await;
        Ok(1)
    })
}

/// Waits for so many seconds.
#[pyfunction]
pub(crate) fn nap(py: Python<'_>, seconds: f64) -> PyResult<Bound<'_, PyAny>> {
    future_into_py(py, async move {
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        Ok(1)
    })
}
