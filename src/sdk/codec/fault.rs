//! What is wrong with a payload, and where in it.

use std::fmt;

use serde::de::{Expected, Unexpected};

use crate::Error;

/// A payload that cannot be read or written. The path is found on the way back out.
#[derive(Debug)]
pub struct Fault(Box<Parts>);

#[derive(Debug)]
struct Parts {
    message: String,
    /// From the inside outwards.
    path: Vec<Step>,
}

#[derive(Debug)]
enum Step {
    Key(String),
    Index(usize),
}

impl Fault {
    #[cold]
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self(Box::new(Parts { message: message.into(), path: Vec::new() }))
    }

    /// The tape itself is broken, which is not the caller's mistake.
    #[cold]
    pub(super) fn malformed(why: &str) -> Self {
        Self::new(format!("malformed tape: {why}"))
    }

    #[cold]
    pub(super) fn at_key(mut self, key: &str) -> Self {
        self.0.path.push(Step::Key(key.to_owned()));
        self
    }

    #[cold]
    pub(super) fn at_index(mut self, index: usize) -> Self {
        self.0.path.push(Step::Index(index));
        self
    }

    /// The author-facing error; `root` is what the payload is called (`params`).
    #[cold]
    pub(crate) fn into_error(self, code: u32, root: &str) -> Error {
        let path = format!("{root}{}", PathOf(&self.0.path));
        Error::with_code(code, format!("{path}: {}", self.0.message)).with_path(path)
    }
}

struct PathOf<'a>(&'a [Step]);

impl fmt::Display for PathOf<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().rev().try_for_each(|step| match step {
            Step::Key(key) if is_name(key) => write!(f, ".{key}"),
            Step::Key(key) => write!(f, "[{key:?}]"),
            Step::Index(index) => write!(f, "[{index}]"),
        })
    }
}

fn is_name(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_')
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", PathOf(&self.0.path), self.0.message)
    }
}

impl std::error::Error for Fault {}

impl serde::ser::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }
}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, got {}", kind_of(&found)))
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, got {found}"))
    }

    fn invalid_length(len: usize, expected: &dyn Expected) -> Self {
        Self::new(format!("expected {expected}, got {len} items"))
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("unknown; the known ones are {}", expected.join(", "))).at_key(field)
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        Self::new(format!("expected one of {}, got {variant:?}", expected.join(", ")))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new("required, but missing").at_key(field)
    }
}

/// The kind of a value in the words of Python.
fn kind_of<'a>(found: &Unexpected<'a>) -> &'a str {
    match found {
        Unexpected::Bool(_) => "a bool",
        Unexpected::Unsigned(_) | Unexpected::Signed(_) => "an integer",
        Unexpected::Float(_) => "a float",
        Unexpected::Char(_) | Unexpected::Str(_) => "a string",
        Unexpected::Bytes(_) => "bytes",
        Unexpected::Unit | Unexpected::Option => "None",
        Unexpected::Seq => "a list",
        Unexpected::Map => "a dict",
        Unexpected::Other(kind) => kind,
        _ => "another kind of value",
    }
}
