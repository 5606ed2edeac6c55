//! The one error type of the core: what failed, which plugin, why, and what to do.

use std::error::Error as StdError;
use std::fmt;

/// What kind of failure an [`Error`] is. Each kind is one Python exception class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No plugin, action or category of that name.
    NotFound,
    /// A plugin could not be found, read, imported or loaded.
    Load,
    /// A shared library speaks another ABI, or none.
    Abi,
    /// A configuration or a manifest is wrong.
    Config,
    /// A dependency is missing, has the wrong version, or depends back.
    Dependency,
    /// The operation is not possible in the state that the plugin is in.
    State,
    /// An action, or `initialize`, failed.
    Execution,
    /// An action's parameters are wrong.
    InvalidParams,
    /// A native plugin panicked.
    Panic,
    /// Cleaning up failed.
    Cleanup,
    /// The plugin asks to be started again later.
    NotReady,
}

impl ErrorKind {
    /// The stable code that programs compare; it never changes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Load => "load_failed",
            Self::Abi => "abi_mismatch",
            Self::Config => "invalid_config",
            Self::Dependency => "dependency_failed",
            Self::State => "wrong_state",
            Self::Execution => "execution_failed",
            Self::InvalidParams => "invalid_params",
            Self::Panic => "plugin_panicked",
            Self::Cleanup => "cleanup_failed",
            Self::NotReady => "not_ready",
        }
    }
}

/// A failure, with all that is needed to mend it.
///
/// `Display` gives the message and the hint; `source` is the failure beneath, which the bindings
/// hand to Python as `__cause__`.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    message: String,
    plugin: Option<String>,
    hint: Option<String>,
    retry_after: Option<f64>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The core's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of `kind`; `message` says what failed and why, and names what it is about.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            plugin: None,
            hint: None,
            retry_after: None,
            source: None,
        }
    }

    /// Names the plugin that failed, unless it is named already.
    #[must_use]
    pub fn with_plugin(mut self, plugin: impl Into<String>) -> Self {
        self.plugin.get_or_insert_with(|| plugin.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Says after how many seconds it is worth trying again.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: f64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// Keeps the failure beneath this one.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What failed and why, without the hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The plugin that failed, where there is one.
    #[must_use]
    pub fn plugin(&self) -> Option<&str> {
        self.plugin.as_deref()
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// Seconds after which it is worth trying again.
    #[must_use]
    pub const fn retry_after(&self) -> Option<f64> {
        self.retry_after
    }

    /// The failure beneath, given away.
    pub fn take_source(&mut self) -> Option<Box<dyn StdError + Send + Sync>> {
        self.source.take()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, ". {hint}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn StdError + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn display_is_message_and_hint() {
        let error = Error::new(ErrorKind::NotFound, "no plugin \"serach\"")
            .with_hint("Did you mean \"search\"?");
        assert_eq!(error.to_string(), "no plugin \"serach\". Did you mean \"search\"?");
    }

    #[test]
    fn the_first_plugin_named_stays() {
        let error = Error::new(ErrorKind::Load, "x").with_plugin("inner").with_plugin("outer");
        assert_eq!(error.plugin(), Some("inner"));
    }
}
