//! PyO3 functions by hand, each in two ways: `e` goes through pythonize in both directions, `f`
//! through `derive(FromPyObject)` and `derive(IntoPyObject)`.
//!
//! They do what the actions in `../plugin` do, with the same types. They are called directly:
//! nothing admits, counts or limits them.

mod data;
mod tasks;

use pyo3::prelude::*;

#[pymodule]
mod bench_hand {
    #[pymodule_export]
    use crate::data::{chat_e, chat_f, floats_e, rows_e, rows_f, small_e, small_f};
    #[pymodule_export]
    use crate::tasks::{later, nap, ready};
}
