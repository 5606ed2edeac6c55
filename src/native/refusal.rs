//! Why a library is not loaded, before it is known which file it is about.

use std::path::Path;

use zerepy_core::{Error, ErrorKind};

/// A reason that completes the sentence "cannot load <path>: …", and what to do.
#[derive(Debug)]
pub(crate) struct Refusal {
    kind: ErrorKind,
    reason: String,
    hint: Option<String>,
}

/// The loader's result.
pub(crate) type Result<T, E = Refusal> = std::result::Result<T, E>;

impl Refusal {
    /// The file is no library that could be loaded.
    pub(crate) fn load(reason: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Load, reason: reason.into(), hint: None }
    }

    /// The library must not be loaded, whatever it is.
    pub(crate) fn trust(reason: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Trust, reason: reason.into(), hint: None }
    }

    /// The library speaks another ABI than this host.
    pub(crate) fn abi(reason: impl Into<String>) -> Self {
        Self { kind: ErrorKind::Abi, reason: reason.into(), hint: None }
    }

    /// Says what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The error for the file at `path`.
    pub(crate) fn at(self, path: &Path) -> Error {
        let message = format!("cannot load \"{}\": {}", path.display(), self.reason);
        let error = Error::new(self.kind, message);
        match self.hint {
            Some(hint) => error.with_hint(hint),
            None => error,
        }
    }
}
