//! The one error type of the core: what failed, which plugin, why, and what to do.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What kind of failure an [`Error`] is. Each kind is one Python exception class.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// No plugin, action or category of that name.
    NotFound,
    /// A plugin could not be found, read, imported or loaded.
    Load,
    /// A shared library speaks another ABI, or none.
    Abi,
    /// A shared library is not one that may be loaded.
    Trust,
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
    /// An action may not run now: its rate or concurrency is used up, or its circuit is open.
    Busy,
    /// A hook refused an action, or a start.
    Vetoed,
    /// A time limit was reached.
    Timeout,
    /// A native plugin panicked.
    Panic,
    /// Cleaning up failed.
    Cleanup,
    /// The plugin asks to be started again later.
    NotReady,
    /// The user interrupted the work (Ctrl-C); the source says how.
    Interrupted,
}

impl ErrorKind {
    /// The stable code that programs compare; it never changes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::Load => "load_failed",
            Self::Abi => "abi_mismatch",
            Self::Trust => "not_trusted",
            Self::Config => "invalid_config",
            Self::Dependency => "dependency_failed",
            Self::State => "wrong_state",
            Self::Execution => "execution_failed",
            Self::InvalidParams => "invalid_params",
            Self::Vetoed => "vetoed",
            Self::Busy => "busy",
            Self::Timeout => "timed_out",
            Self::Panic => "plugin_panicked",
            Self::Cleanup => "cleanup_failed",
            Self::NotReady => "not_ready",
            Self::Interrupted => "interrupted",
        }
    }
}

/// A failure, with all that is needed to mend it.
///
/// `Display` gives the message and the hint; `source` is the failure beneath, which the bindings
/// hand to Python as `__cause__`. Cloning is cheap: clones share the source.
#[derive(Clone, Debug)]
pub struct Error(Box<Inner>); // boxed: results are returned on every call, errors are rare

#[derive(Clone, Debug)]
struct Inner {
    kind: ErrorKind,
    message: String,
    plugin: Option<String>,
    hint: Option<String>,
    retry_after: Option<f64>,
    retryable: bool,
    source: Option<Arc<dyn StdError + Send + Sync>>,
    parts: Vec<Error>,
}

/// The core's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A failure of `kind`; `message` says what failed and why, and names what it is about.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            message: message.into(),
            plugin: None,
            hint: None,
            retry_after: None,
            retryable: false,
            source: None,
            parts: Vec::new(),
        }))
    }

    /// Several failures as one; `headline` says what they have in common. A single one stays
    /// itself, and an interruption among them is what remains.
    #[must_use]
    pub fn join(kind: ErrorKind, headline: &str, mut parts: Vec<Self>) -> Option<Self> {
        if let Some(at) = parts.iter().position(|part| part.0.kind == ErrorKind::Interrupted) {
            return Some(parts.swap_remove(at));
        }
        if parts.len() < 2 {
            return parts.pop();
        }
        let lines: Vec<_> = parts.iter().map(|part| format!("\n  - {part}")).collect();
        let mut joined = Self::new(kind, format!("{headline}:{}", lines.concat()));
        joined.0.plugin = parts[0].0.plugin.clone().filter(|plugin| {
            parts.iter().all(|part| part.0.plugin.as_deref() == Some(plugin.as_str()))
        });
        joined.0.parts = parts;
        Some(joined)
    }

    /// Names the plugin that failed, unless it is named already.
    #[must_use]
    pub fn with_plugin(mut self, plugin: impl Into<String>) -> Self {
        self.0.plugin.get_or_insert_with(|| plugin.into());
        self
    }

    /// Says what to do about it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Says after how many seconds it is worth trying again.
    #[must_use]
    pub fn with_retry_after(mut self, seconds: f64) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// Says that the same call may well succeed if it is repeated.
    #[must_use]
    pub fn with_retryable(mut self) -> Self {
        self.0.retryable = true;
        self
    }

    /// Keeps the failure beneath this one.
    #[must_use]
    pub fn with_source(mut self, source: impl StdError + Send + Sync + 'static) -> Self {
        self.0.source = Some(Arc::new(source));
        self
    }

    /// What kind of failure it is.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What failed and why, without the hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The plugin that failed, where there is one.
    #[must_use]
    pub fn plugin(&self) -> Option<&str> {
        self.0.plugin.as_deref()
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }

    /// Seconds after which it is worth trying again.
    #[must_use]
    pub fn retry_after(&self) -> Option<f64> {
        self.0.retry_after
    }

    /// Whether the same call may well succeed if it is repeated.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.0.retryable || matches!(self.0.kind, ErrorKind::NotReady | ErrorKind::Busy)
    }

    /// The failures it joins; empty for a plain one.
    #[must_use]
    pub fn parts(&self) -> &[Self] {
        &self.0.parts
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)?;
        match &self.0.hint {
            Some(hint) if self.0.message.contains('\n') => write!(f, "\n{hint}"),
            Some(hint) => write!(f, ". {hint}"),
            None => Ok(()),
        }
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn StdError + 'static))
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
    fn several_failures_are_told_together() {
        let parts = vec![
            Error::new(ErrorKind::Cleanup, "a failed").with_plugin("a"),
            Error::new(ErrorKind::Cleanup, "b failed").with_plugin("b").with_hint("Mend b"),
        ];
        let joined = Error::join(ErrorKind::Cleanup, "cleanup failed", parts).unwrap();
        assert_eq!(joined.to_string(), "cleanup failed:\n  - a failed\n  - b failed. Mend b");
        assert_eq!((joined.plugin(), joined.parts().len()), (None, 2));
        assert!(Error::join(ErrorKind::Cleanup, "nothing", Vec::new()).is_none());
    }

    #[test]
    fn an_interruption_is_not_hidden_among_failures() {
        let kinds = [ErrorKind::Cleanup, ErrorKind::Interrupted];
        let parts = kinds.map(|kind| Error::new(kind, "x")).to_vec();
        let joined = Error::join(ErrorKind::Cleanup, "cleanup failed", parts).unwrap();
        assert_eq!(joined.kind(), ErrorKind::Interrupted);
    }

    #[test]
    fn the_first_plugin_named_stays() {
        let error = Error::new(ErrorKind::Load, "x").with_plugin("inner").with_plugin("outer");
        assert_eq!(error.plugin(), Some("inner"));
    }
}
