//! The walk between Python objects and the tape: the one module of the bindings with `unsafe`.
//!
//! Exact or refused: what a plugin could not get back as it was is an error that names its path.
//! No Python code of a user runs during a walk until it refuses something, which ends it; the
//! interpreter is held throughout.

mod buffer;
mod integer;
mod keys;
mod read;
mod write;

pub(crate) use read::{read, read_tape};
pub(crate) use write::{copied, lent};

use std::fmt::Write as _;

use pyo3::{PyErr, Python};
use zerepy_core::{Error, ErrorKind};
use zerepy_native::TapeError;

use crate::errors;

/// How much of a path an error shows; what is nested deeper is found from there.
const MAX_STEPS_SHOWN: usize = 16;

/// One step from a container to what it holds.
enum Step {
    Index(usize),
    Key(String),
}

/// Why a value cannot cross, and where in it. Boxed, so that a walk's results fit into registers.
struct Refusal(Box<Reason>);

struct Reason {
    text: String,
    hint: Option<&'static str>,
    raised: Option<PyErr>,
    steps: Vec<Step>, // from the end: the path grows while the walk returns
}

/// What writing a part of a value comes to.
type Outcome = std::result::Result<(), Refusal>;

impl Refusal {
    #[cold]
    fn new(text: impl Into<String>) -> Self {
        Self(Box::new(Reason { text: text.into(), hint: None, raised: None, steps: Vec::new() }))
    }

    #[cold]
    fn with_raised(mut self, raised: Option<PyErr>) -> Self {
        self.0.raised = raised;
        self
    }

    #[cold]
    fn at(mut self, step: Step) -> Self {
        self.0.steps.push(step);
        self
    }

    /// The error a user sees: `params.items[3]: …`.
    fn into_error(self, py: Python<'_>, root: &str, kind: ErrorKind) -> Error {
        let Reason { text, hint, raised, steps } = *self.0;
        let mut path = root.to_owned();
        for step in steps.iter().rev().take(MAX_STEPS_SHOWN) {
            let _ = match step {
                Step::Index(index) => write!(path, "[{index}]"),
                Step::Key(key) => write!(path, ".{key}"),
            };
        }
        let more = if steps.len() > MAX_STEPS_SHOWN { "…" } else { "" };
        let error = Error::new(kind, format!("{path}{more}: {text}"));
        let error = match hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        };
        match raised {
            Some(raised) if errors::passes_through(py, &raised) => {
                Error::new(ErrorKind::Interrupted, root).with_source(raised)
            }
            Some(raised) => error.with_source(raised),
            None => error,
        }
    }
}

impl From<PyErr> for Refusal {
    #[cold]
    fn from(raised: PyErr) -> Self {
        Self::new(raised.to_string()).with_raised(Some(raised))
    }
}

impl From<TapeError> for Refusal {
    #[cold]
    fn from(error: TapeError) -> Self {
        let mut refusal = Self::new(error.to_string());
        refusal.0.hint = error.hint();
        refusal
    }
}
