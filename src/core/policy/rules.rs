//! Which policy each action of one plugin has: what it declares, and what the user says instead.

use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::HashMap;
use serde_json::Value;

use super::{ActionPolicy, Permit, Throttle};
use crate::retry::random;
use crate::{Config, Error, ErrorKind, PluginInfo, Result, duration};

/// What stands for every action in the user's configuration.
const EVERY: &str = "*";
/// The wait before the first repetition, doubled with each.
const FIRST: Duration = Duration::from_millis(100);
/// The longest wait, unless the error asks for a longer one.
const LONGEST: Duration = Duration::from_secs(30);
/// A wait is this share of itself at least, and chosen at random above it.
const STEADY: f64 = 0.5;

/// The rules of one plugin's actions.
#[derive(Debug)]
pub(crate) struct Rules {
    actions: HashMap<String, Rule>,
    others: Rule, // of actions that are not declared
}

#[derive(Debug, Default)]
struct Rule {
    throttle: Option<Arc<Throttle>>,
    retries: u32,
    idempotent: bool,
}

impl Rules {
    /// The rules of a plugin that is configured so; none if there are none.
    pub(crate) fn new(info: &PluginInfo, config: &Config) -> Option<Self> {
        let of_user = |action: &str| -> ActionPolicy {
            let policies = config.value.get("actions");
            let policy = policies.and_then(|policies| policies.get(action));
            policy.and_then(|it| serde_json::from_value(it.clone()).ok()).unwrap_or_default()
        };
        let retries = config.value.pointer("/options/retries").and_then(Value::as_u64);
        let every = ActionPolicy {
            retries: retries.map(|count| u32::try_from(count).unwrap_or(u32::MAX)),
            ..ActionPolicy::default()
        };
        let every = every.overridden_by(&of_user(EVERY));
        let rule = |declared: &ActionPolicy, action: &str| {
            Rule::new(&declared.overridden_by(&every).overridden_by(&of_user(action)))
        };
        let declared = info.actions.iter().map(|action| (&action.name, &action.policy));
        let mut actions: HashMap<_, _> =
            declared.map(|(name, policy)| (name.clone(), rule(policy, name))).collect();
        let named = config.value.get("actions").and_then(Value::as_object);
        for name in named.into_iter().flat_map(|named| named.keys()).filter(|name| *name != EVERY) {
            actions.entry(name.clone()).or_insert_with(|| rule(&ActionPolicy::default(), name));
        }
        let others = Rule::new(&every);
        let says_something = others.says_something() || actions.values().any(Rule::says_something);
        says_something.then_some(Self { actions, others })
    }

    fn rule(&self, action: &str) -> &Rule {
        self.actions.get(action).unwrap_or(&self.others)
    }

    /// Lets a call in, with a permit if there is something to permit.
    pub(crate) fn enter(&self, plugin: &str, action: &str) -> Result<Option<Permit>> {
        let Some(throttle) = &self.rule(action).throttle else { return Ok(None) };
        throttle.enter(Instant::now()).map(Some).map_err(|busy| {
            let message = format!("action {action:?} of plugin {plugin:?} {}", busy.why);
            let seconds = busy.retry_after.as_secs_f64();
            Error::new(ErrorKind::Busy, message)
                .with_plugin(plugin)
                .with_retry_after(seconds)
                .with_hint(format!(
                    "Call it again in {seconds:.3} s, or allow more in its configuration"
                ))
        })
    }

    /// How long to wait before a call that failed is repeated, if it is: after so many repetitions,
    /// and only if it did nothing, or may be done twice.
    pub(crate) fn repeat(&self, action: &str, error: &Error, repeated: u32) -> Option<Duration> {
        let rule = self.rule(action);
        let harmless = error.kind() == ErrorKind::Busy || (rule.idempotent && error.is_retryable());
        (harmless && repeated < rule.retries).then(|| wait(repeated, error.retry_after(), random()))
    }
}

impl Rule {
    fn new(policy: &ActionPolicy) -> Self {
        Self {
            throttle: Throttle::new(policy).map(Arc::new),
            retries: policy.retries.unwrap_or(0),
            idempotent: policy.idempotent.unwrap_or(false),
        }
    }

    fn says_something(&self) -> bool {
        self.throttle.is_some() || (self.retries > 0 && self.idempotent)
    }
}

/// The wait after so many repetitions; never less than what the error asks for.
fn wait(repeated: u32, asked: Option<f64>, random: f64) -> Duration {
    let backoff = FIRST.saturating_mul(1 << repeated.min(16)).min(LONGEST);
    let backoff = backoff.mul_f64(STEADY + (1.0 - STEADY) * random);
    asked.and_then(duration).map_or(backoff, |asked| asked.max(backoff))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rules(actions: &Value, config: Value) -> Option<Rules> {
        let info = json!({"name": "p", "version": "1", "type": "connection", "actions": actions});
        let info = serde_json::from_value(info).unwrap();
        let config =
            Config { redacted: config.clone(), value: config, enabled: true, invalid: None };
        Rules::new(&info, &config)
    }

    fn repeats(rules: &Rules, action: &str, error: &Error) -> usize {
        (0..9).take_while(|repeated| rules.repeat(action, error, *repeated).is_some()).count()
    }

    fn flaky() -> Error {
        Error::new(ErrorKind::Execution, "flaky").with_retryable()
    }

    #[test]
    fn nothing_said_costs_nothing() {
        assert!(rules(&json!([{"name": "a"}]), json!({})).is_none());
        let may_be_repeated = json!([{"name": "a", "policy": {"idempotent": true}}]);
        assert!(rules(&may_be_repeated, json!({})).is_none());
        assert!(rules(&json!([{"name": "send"}]), json!({"options": {"retries": 3}})).is_none());
    }

    #[test]
    fn only_what_may_be_done_twice_is_repeated() {
        let actions = json!([{"name": "get", "policy": {"idempotent": true}}, {"name": "send"}]);
        let rules = rules(&actions, json!({"options": {"retries": 3}})).unwrap();
        assert_eq!(repeats(&rules, "get", &flaky()), 3);
        assert_eq!(repeats(&rules, "get", &Error::new(ErrorKind::NotReady, "later")), 3);
        for kind in [ErrorKind::Execution, ErrorKind::InvalidParams, ErrorKind::Timeout] {
            assert_eq!(repeats(&rules, "get", &Error::new(kind, "no")), 0);
        }
        assert_eq!(repeats(&rules, "send", &flaky()), 0);
        assert_eq!(repeats(&rules, "undeclared", &flaky()), 0);
        assert_eq!(repeats(&rules, "send", &Error::new(ErrorKind::Busy, "it did not run")), 3);
    }

    #[test]
    fn the_users_word_is_the_last() {
        let actions = json!([{"name": "a", "policy": {"idempotent": true, "retries": 1}}]);
        for (config, expected) in [
            (json!({}), 1),
            (json!({"options": {"retries": 2}}), 2),
            (json!({"options": {"retries": 2}, "actions": {"*": {"retries": 3}}}), 3),
            (json!({"actions": {"*": {"retries": 3}, "a": {"retries": 4}}}), 4),
            (json!({"actions": {"a": {"idempotent": false}, "b": {"max_rate": 1}}}), 0),
        ] {
            assert_eq!(repeats(&rules(&actions, config).unwrap(), "a", &flaky()), expected);
        }
        let config = json!({"actions": {"undeclared": {"idempotent": true, "retries": 5}}});
        assert_eq!(repeats(&rules(&json!([]), config).unwrap(), "undeclared", &flaky()), 5);
    }

    #[test]
    fn a_refusal_names_the_action_and_the_time() {
        let rules = rules(&json!([]), json!({"actions": {"a": {"max_rate": 0.5}}})).unwrap();
        drop(rules.enter("p", "a").unwrap());
        let error = rules.enter("p", "a").unwrap_err();
        assert_eq!(
            error.message(),
            "action \"a\" of plugin \"p\" is limited to 0.5 calls a second"
        );
        assert!(error.retry_after().is_some_and(|seconds| seconds > 1.9), "{error:?}");
        assert!(rules.enter("p", "b").unwrap().is_none());
    }

    #[test]
    fn waits_double_and_respect_what_is_asked_for() {
        let milliseconds = [0, 1, 2, 20].map(|repeated| wait(repeated, None, 1.0).as_millis());
        assert_eq!(milliseconds, [100, 200, 400, 30_000]);
        assert_eq!(wait(0, None, 0.0), Duration::from_millis(50));
        assert_eq!(wait(0, Some(2.5), 0.0), Duration::from_millis(2500));
        assert_eq!(wait(4, Some(0.001), 0.0), Duration::from_millis(800));
        assert_eq!(wait(0, Some(f64::NAN), 0.0), Duration::from_millis(50));
    }
}
