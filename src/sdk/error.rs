//! The error that a plugin's author returns. The border turns it into the ABI's.

use std::error::Error as StdError;
use std::fmt;

use zerepy_plugin_abi::code;

use crate::json::push_text;

/// What a plugin's functions return.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a plugin could not do something.
///
/// `?` turns every standard error into one, its causes joined with `: `. It does not implement
/// [`std::error::Error`] itself, because then that would not be possible.
pub struct Error(Box<Parts>);

#[derive(Debug)]
struct Parts {
    code: u32,
    message: String,
    path: Option<String>,
    location: Option<String>,
    hint: Option<String>,
    retry_after: Option<f64>,
    retryable: bool,
    origin: Option<Origin>,
}

/// Where a failure outside of this plugin came from.
#[derive(Debug)]
struct Origin {
    kind: String,
    plugin: Option<String>,
}

impl Error {
    /// The action, or `initialize`, failed: `PluginExecutionError` in Python.
    pub fn new(message: impl Into<String>) -> Self {
        Self::with_code(code::EXECUTION, message)
    }

    /// The parameters are wrong: `InvalidParamsError` in Python.
    pub fn invalid_params(message: impl Into<String>) -> Self {
        Self::with_code(code::INVALID_PARAMS, message)
    }

    /// The configuration is wrong: `PluginConfigError` in Python.
    pub fn config(message: impl Into<String>) -> Self {
        Self::with_code(code::CONFIG, message)
    }

    /// Not possible yet, but worth another try in so many seconds: `PluginNotReady` in Python.
    pub fn not_ready(message: impl Into<String>, retry_after: f64) -> Self {
        let mut error = Self::with_code(code::NOT_READY, message);
        error.0.retry_after = Some(retry_after);
        error
    }

    /// Says that the same call may well succeed if it is repeated: the host does so for an action
    /// with `#[action(idempotent)]`, as often as the user allows.
    #[must_use]
    pub fn retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// What went wrong.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What kind of failure it is, in the host's stable words, such as `not_found` or
    /// `execution_failed`: of an error that the host or another plugin gave, what it was there.
    #[must_use]
    pub fn kind(&self) -> &str {
        match (&self.0.origin, self.0.code) {
            (Some(origin), _) => &origin.kind,
            (None, code::INVALID_PARAMS) => "invalid_params",
            (None, code::CONFIG) => "invalid_config",
            (None, code::NOT_READY) => "not_ready",
            (None, code::PANIC) => "plugin_panicked",
            (None, code::STATE) => "wrong_state",
            (None, _) => "execution_failed",
        }
    }

    /// The plugin whose call failed, if it is not this one.
    #[must_use]
    pub fn plugin(&self) -> Option<&str> {
        self.0.origin.as_ref().and_then(|origin| origin.plugin.as_deref())
    }

    /// Keeps what it was where it came from.
    pub(crate) fn with_origin(mut self, kind: impl Into<String>, plugin: Option<String>) -> Self {
        self.0.origin = Some(Origin { kind: kind.into(), plugin });
        self
    }

    pub(crate) fn with_code(code: u32, message: impl Into<String>) -> Self {
        Self(Box::new(Parts {
            code,
            message: message.into(),
            path: None,
            location: None,
            hint: None,
            retry_after: None,
            retryable: false,
            origin: None,
        }))
    }

    /// A panic, and the place in the source that it came from.
    pub(crate) fn panic(message: String, location: Option<String>) -> Self {
        let mut error = Self::with_code(code::PANIC, message);
        error.0.location = location;
        error
    }

    /// Keeps the place in the payload that it is about.
    pub(crate) fn with_path(mut self, path: String) -> Self {
        self.0.path = Some(path);
        self
    }

    pub(crate) fn code(&self) -> u32 {
        self.0.code
    }

    /// The message, and the JSON object with the rest (empty if there is nothing more).
    pub(crate) fn into_texts(self) -> (String, Vec<u8>) {
        let Parts { message, path, location, hint, retry_after, retryable, .. } = *self.0;
        let mut detail = Vec::new();
        for (key, text) in [("path", path), ("location", location), ("hint", hint)] {
            if let Some(text) = text {
                push_key(&mut detail, key);
                push_text(&mut detail, &text);
            }
        }
        // JSON has no infinity, and a host could not wait for it either.
        if let Some(seconds) = retry_after.filter(|seconds| seconds.is_finite()) {
            push_key(&mut detail, "retry_after");
            detail.extend_from_slice(format!("{seconds:?}").as_bytes());
        }
        if retryable {
            push_key(&mut detail, "retryable");
            detail.extend_from_slice(b"true");
        }
        if !detail.is_empty() {
            detail.push(b'}');
        }
        (message, detail)
    }
}

fn push_key(detail: &mut Vec<u8>, key: &str) {
    detail.push(if detail.is_empty() { b'{' } else { b',' });
    push_text(detail, key);
    detail.push(b':');
}

impl<E: StdError> From<E> for Error {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            message.push_str(": ");
            message.push_str(&error.to_string());
            cause = error.source();
        }
        Self::new(message)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_detail_is_json() {
        let error = Error::not_ready("busy", 1.5).with_hint("say \"please\"");
        let (message, detail) = error.into_texts();
        assert_eq!(message, "busy");
        let detail: serde_json::Value = serde_json::from_slice(&detail).unwrap();
        assert_eq!(detail, serde_json::json!({"hint": "say \"please\"", "retry_after": 1.5}));
        assert!(Error::new("plain").into_texts().1.is_empty());
    }

    #[test]
    fn the_question_mark_takes_any_error() {
        fn parse(text: &str) -> Result<i32> {
            Ok(text.parse::<i32>()?)
        }
        assert_eq!(parse("x").unwrap_err().message(), "invalid digit found in string");
    }
}
