//! The payload of calls, on the host's side: writing parameters, reading results.
//!
//! Nothing else in the host knows how values are laid out for plugins.

mod element;
#[cfg(test)]
mod fuzz;
mod json;
mod msgpack;
mod packed;
mod read;
mod result;
mod write;

use std::fmt;

use zerepy_core::{Error, ErrorKind};

pub(crate) use msgpack::{from_msgpack, to_msgpack};

pub use element::Element;
pub use json::to_json;
pub use read::TapeView;
pub use result::ResultTape;
pub(crate) use result::lent_view;
pub use write::{DEFAULT_MAX_PAYLOAD, Form, Open, Tape};

/// Why a value cannot be written, or a tape not be read. Small, for it is returned a lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TapeError {
    /// A text, some bytes or a container of that length, which is more than a node can say.
    TooLong(usize),
    /// The whole would take so many bytes or more, and may take only so many.
    TooLarge {
        /// The bytes counted when it was refused.
        size: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// Containers nest deeper than [`crate::MAX_DEPTH`].
    TooDeep,
    /// A container did not get as many items as it was begun with, or was not ended in its turn.
    Unbalanced,
    /// Reading: what is wrong with the tape.
    Broken(&'static str),
}

impl fmt::Display for TapeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong(len) => {
                write!(f, "a value of length {len} is too long: the limit is {}", u32::MAX)
            }
            Self::TooLarge { size, limit } => {
                write!(f, "it takes {size} bytes or more, and the limit is {limit}")
            }
            Self::TooDeep => write!(f, "it nests deeper than {} levels", crate::MAX_DEPTH),
            Self::Unbalanced => f.write_str("a container changed its size while it was read"),
            Self::Broken(why) => write!(f, "broken data from the plugin: {why}"),
        }
    }
}

impl std::error::Error for TapeError {}

impl TapeError {
    /// What to do about it.
    #[must_use]
    pub const fn hint(self) -> Option<&'static str> {
        match self {
            Self::TooLarge { .. } => {
                Some("Call it through a PluginManager with a larger max_payload, or pass less")
            }
            _ => None,
        }
    }
}

impl From<TapeError> for Error {
    fn from(error: TapeError) -> Self {
        let kind = match error {
            TapeError::Broken(..) => ErrorKind::Execution,
            _ => ErrorKind::InvalidParams,
        };
        let message = Self::new(kind, error.to_string());
        match error.hint() {
            Some(hint) => message.with_hint(hint),
            None => message,
        }
    }
}
