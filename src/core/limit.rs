//! How long plugins may take.

use std::time::Duration;

use serde_json::Value;

use crate::Config;

/// The limits of one host; `None` is none. `options.timeout` of a plugin's configuration stands in
/// for the first three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of each `initialize`; waiting for dependencies is not charged.
    pub initialize: Option<Duration>,
    /// Of each `cleanup`, and of each `save_state`.
    pub cleanup: Option<Duration>,
    /// Of each action.
    pub action: Option<Duration>,
    /// Of stopping, all plugins together.
    pub stop: Option<Duration>,
}

impl Limits {
    /// The limits of a plugin that is configured so.
    #[must_use]
    pub fn of(self, config: &Config) -> Self {
        match config.value.pointer("/options/timeout") {
            Some(Value::Null) => self.with(None),
            Some(Value::Number(number)) => match number.as_f64().filter(|seconds| *seconds > 0.0) {
                Some(seconds) => self.with(duration(seconds)),
                None => self, // the plugin's own schema makes something else of it
            },
            _ => self,
        }
    }

    const fn with(self, limit: Option<Duration>) -> Self {
        Self { initialize: limit, cleanup: limit, action: limit, ..self }
    }
}

/// A limit in seconds; one that no clock can hold is none.
#[must_use]
pub fn duration(seconds: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(seconds).ok().filter(|limit| limit.as_secs() < u64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn configured(value: Value) -> Limits {
        let second = Some(Duration::from_secs(1));
        let limits = Limits { initialize: second, cleanup: second, action: None, stop: second };
        limits.of(&Config { redacted: value.clone(), value, enabled: true, invalid: None })
    }

    #[test]
    fn a_plugins_own_timeout_stands_for_its_steps_and_actions() {
        let limits = configured(json!({"options": {"timeout": 0.5}}));
        let half = Some(Duration::from_millis(500));
        assert_eq!((limits.initialize, limits.cleanup, limits.action), (half, half, half));
        assert_eq!(limits.stop, Some(Duration::from_secs(1)));
        let limits = configured(json!({"options": {"timeout": null}}));
        assert_eq!((limits.initialize, limits.action), (None, None));
    }

    #[test]
    fn what_is_no_limit_changes_nothing() {
        for value in [json!({}), json!({"options": {"timeout": "30s"}}), json!({"options": 1})] {
            assert_eq!(configured(value.clone()), configured(json!({})), "{value}");
        }
        assert_eq!((duration(f64::INFINITY), duration(1e300)), (None, None));
    }
}
