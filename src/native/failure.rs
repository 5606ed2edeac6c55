//! Errors of plugins, and what the host makes of them.

use serde_json::{Map, Value};
use zerepy_core::{Error, ErrorKind, PluginInfo};
use zerepy_plugin_abi::{FfiError, code};

use crate::host;

/// Room for a plugin's error, which is given back when dropped.
pub(crate) struct PluginError(FfiError);

/// What the plugin was asked to do; an action by its place in the plugin's list.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    Create,
    Initialize,
    Cleanup,
    Ask(&'static str),
    Act(u32),
    Validate(u32),
}

impl Step {
    /// The subject of a sentence on what went wrong.
    pub(crate) fn of(self, plugin: &PluginInfo) -> String {
        let name = &plugin.name;
        let action = |index| plugin.actions.get(index as usize).map_or("?", |found| &found.name);
        match self {
            Self::Create => format!("creation of plugin {name:?}"),
            Self::Initialize => format!("initialization of plugin {name:?}"),
            Self::Cleanup => format!("cleanup of plugin {name:?}"),
            Self::Ask(question) => format!("{question} of plugin {name:?}"),
            Self::Act(index) => format!("action {:?} of plugin {name:?}", action(index)),
            Self::Validate(index) => {
                format!("validation for action {:?} of plugin {name:?}", action(index))
            }
        }
    }
}

impl PluginError {
    #[inline]
    pub(crate) const fn new() -> Self {
        Self(FfiError::empty())
    }

    /// Takes over an error that a plugin passed.
    ///
    /// # Safety
    /// `error` points to a whole error of the plugin's, whose release nobody else calls.
    pub(crate) unsafe fn take(error: *const FfiError) -> Self {
        // SAFETY: the caller's promise.
        Self(unsafe { error.read() })
    }

    /// Where the plugin writes; it writes a whole error or nothing.
    #[inline]
    pub(crate) fn as_mut_ptr(&mut self) -> *mut FfiError {
        &raw mut self.0
    }

    /// What the plugin said went wrong.
    pub(crate) fn message(&self) -> String {
        // SAFETY: the plugin keeps the text until `release`, which only `drop` calls.
        let message = unsafe { host::text(self.0.message) };
        if message.is_empty() {
            "the plugin gave no reason".to_owned()
        } else {
            message.into_owned()
        }
    }

    /// The error of `plugin`, failing at `step`.
    #[cold]
    pub(crate) fn to_error(&self, step: Step, plugin: &PluginInfo) -> Error {
        let detail = self.detail();
        let text = |key| detail.get(key).and_then(Value::as_str);
        let (kind, how) = match (self.0.code, step) {
            (code::INVALID_PARAMS, _) => (ErrorKind::InvalidParams, "got wrong parameters"),
            (code::CONFIG, _) => (ErrorKind::Config, "got a wrong configuration"),
            (code::NOT_READY, _) => (ErrorKind::NotReady, "is not possible yet"),
            (code::PANIC, _) => (ErrorKind::Panic, "panicked"),
            (code::STATE, _) => (ErrorKind::State, "is not possible now"),
            (_, Step::Cleanup) => (ErrorKind::Cleanup, "failed"),
            _ => (ErrorKind::Execution, "failed"),
        };
        let at = text("location").map(|place| format!(" at {place}")).unwrap_or_default();
        let message = format!("{} {how}{at}: {}", step.of(plugin), self.message());
        let mut error = Error::new(kind, message).with_plugin(&plugin.name);
        if let Some(seconds) = detail.get("retry_after").and_then(Value::as_f64) {
            error = error.with_retry_after(seconds);
        }
        if detail.get("retryable").and_then(Value::as_bool) == Some(true) {
            error = error.with_retryable();
        }
        if let Some(hint) = text("hint") {
            error = error.with_hint(hint);
        }
        error
    }

    fn detail(&self) -> Map<String, Value> {
        // SAFETY: as for the message.
        serde_json::from_slice(unsafe { host::bytes(self.0.detail) }).unwrap_or_default()
    }
}

impl Drop for PluginError {
    #[inline]
    fn drop(&mut self) {
        if let Some(release) = self.0.release {
            // SAFETY: the plugin provided it for this owner, and this is the only time.
            unsafe { release(self.0.owner) };
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::c_void;
    use std::sync::atomic::{AtomicU32, Ordering};

    use serde_json::json;
    use zerepy_plugin_abi::FfiSlice;

    use super::*;

    fn error(code: u32, message: &'static str, detail: &'static str, step: Step) -> Error {
        let mut error = PluginError::new();
        error.0.code = code;
        error.0.message = FfiSlice::new(message.as_bytes());
        error.0.detail = FfiSlice::new(detail.as_bytes());
        let plugin =
            json!({"name": "p", "version": "1", "type": "action", "actions": [{"name": "a"}]});
        error.to_error(step, &serde_json::from_value(plugin).unwrap())
    }

    #[test]
    fn codes_are_kinds() {
        let step = Step::Act(0);
        for (code, kind) in [
            (0, ErrorKind::Execution),
            (code::EXECUTION, ErrorKind::Execution),
            (code::INVALID_PARAMS, ErrorKind::InvalidParams),
            (code::CONFIG, ErrorKind::Config),
            (code::NOT_READY, ErrorKind::NotReady),
            (code::PANIC, ErrorKind::Panic),
            (code::STATE, ErrorKind::State),
            (99, ErrorKind::Execution),
        ] {
            assert_eq!(error(code, "m", "", step).kind(), kind);
        }
        assert_eq!(error(0, "m", "", Step::Cleanup).kind(), ErrorKind::Cleanup);
    }

    #[test]
    fn details_are_used() {
        let panic = error(code::PANIC, "oh", r#"{"location": "lib.rs:3:5"}"#, Step::Act(0));
        assert_eq!(panic.message(), "action \"a\" of plugin \"p\" panicked at lib.rs:3:5: oh");
        let later = error(code::NOT_READY, "", r#"{"retry_after": 1.5}"#, Step::Initialize);
        assert_eq!(later.retry_after(), Some(1.5));
        assert!(later.message().ends_with("the plugin gave no reason"), "{later}");
        assert_eq!(error(0, "m", "no JSON", Step::Create).plugin(), Some("p"));
    }

    #[test]
    fn it_is_released_once() {
        static RELEASED: AtomicU32 = AtomicU32::new(0);
        unsafe extern "C" fn release(_: *mut c_void) {
            RELEASED.fetch_add(1, Ordering::Relaxed);
        }
        let mut error = PluginError::new();
        error.0.release = Some(release);
        drop(error);
        drop(PluginError::new());
        assert_eq!(RELEASED.load(Ordering::Relaxed), 1);
    }
}
