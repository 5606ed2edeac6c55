//! The configuration one plugin gets: put together from all that has a say, checked, and free of
//! secrets wherever it is shown.
//!
//! Later wins: the schema's defaults, the plugin's manifest, the user's settings for all plugins,
//! for its category and for it alone, the environment. All of it is given: only
//! [`Environment::of_process`] reads anything.

use std::fmt;

use serde_json::{Map, Value};

use crate::schema::{Places, Schema, list_problems};
use crate::{CompiledSchema, Error, ErrorKind, PluginInfo, Result};

mod change;
mod environment;
mod expand;
mod host_keys;
mod layers;
mod settings;

pub use change::Change;
pub(crate) use change::changes;
pub use environment::Environment;
pub(crate) use layers::lay_over;
pub use settings::Settings;

#[cfg(test)]
mod tests;

/// What stands for a secret wherever a configuration is shown.
const MASK: &str = "***";
/// The schema of a plugin that has none.
const ANYTHING: &Value = &Value::Bool(true);
/// What the configuration is called in problems.
const ROOT: &str = "config";

/// The configuration of one plugin. `Debug` shows no secrets.
#[derive(Clone)]
pub struct Config {
    /// What the plugin gets: an object. It may contain secrets: never log or show it.
    pub value: Value,
    /// The same for showing: secrets are `***`, and what came from the environment is the name of
    /// its variable.
    pub redacted: Value,
    /// Whether the plugin is to be started.
    pub enabled: bool,
    /// What is wrong with the configuration of a plugin that is not enabled: it must be mended
    /// before the plugin is. Always `None` for an enabled one.
    pub invalid: Option<Error>,
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("value", &self.redacted)
            .field("enabled", &self.enabled)
            .field("invalid", &self.invalid)
            .finish()
    }
}

/// The configuration of the plugin `info`; `manifest` is the `config` of its own manifest.
///
/// # Errors
/// [`ErrorKind::Config`] with all problems, one a line, if the plugin is enabled and something is
/// wrong: a value does not fit the schema, or a variable is not set. No secret is quoted.
pub fn effective_config(
    info: &PluginInfo,
    manifest: &Map<String, Value>,
    settings: &Settings,
    environment: &Environment,
) -> Result<Config> {
    let schema = info.config_schema.clone().map(CompiledSchema::new).transpose();
    let schema = schema.map_err(|error| {
        let message = format!("the config_schema of plugin {:?} is wrong: {error}", info.name);
        Error::new(ErrorKind::Config, message).with_plugin(&info.name)
    })?;
    let mut draft = Draft {
        schema: schema.as_ref().map_or(ANYTHING, CompiledSchema::source),
        value: layers::merged(info, manifest, settings),
        hidden: Places::default(),
        shown: Vec::new(),
        unexpanded: Places::default(),
        problems: Vec::new(),
    };
    draft.override_from(environment, &info.name);
    layers::fill_defaults(draft.schema, &mut draft.value);
    draft.expand(environment);
    draft.check(schema.as_ref());
    draft.finish(&info.name)
}

/// A configuration on its way.
struct Draft<'s> {
    schema: &'s Value,
    value: Value,
    /// Where nothing may be quoted.
    hidden: Places,
    /// What is shown in place of what came from the environment, by pointer.
    shown: Vec<(String, String)>,
    /// Where a variable is missing, so that there is no value to judge.
    unexpanded: Places,
    problems: Vec<String>,
}

impl Draft<'_> {
    /// Records that the value at `pointer` came from the environment, and how to show it.
    fn mark(&mut self, pointer: &str, shown: String) {
        self.hidden.insert(pointer);
        self.shown.push((pointer.to_owned(), shown));
    }

    fn secrets(&self) -> Places {
        let mut secrets = Places::default();
        Schema::new(self.schema).secrets(&self.value, "", &mut secrets);
        secrets
    }

    fn check(&mut self, schema: Option<&CompiledSchema>) {
        self.hidden.extend(&self.secrets());
        let (own, rest) = host_keys::split(&self.value, self.schema);
        for (schema, part) in [(Some(&*host_keys::SCHEMA), own), (schema, rest)] {
            self.problems.extend(schema.into_iter().flat_map(|schema| {
                schema.problems_hiding(ROOT, &part, &self.hidden, &self.unexpanded)
            }));
        }
    }

    fn finish(self, name: &str) -> Result<Config> {
        let enabled = self.value.get("enabled") != Some(&Value::Bool(false));
        let invalid = (!self.problems.is_empty()).then(|| {
            list_problems(&format!("the configuration of plugin {name:?}"), &self.problems)
                .with_plugin(name)
                .with_hint("Mend it where the plugin is configured, or in the environment")
        });
        match invalid {
            Some(error) if enabled => Err(error),
            invalid => {
                let redacted = self.redacted();
                Ok(Config { value: self.value, redacted, enabled, invalid })
            }
        }
    }

    fn redacted(&self) -> Value {
        let mut redacted = self.value.clone();
        let secrets = self.secrets();
        let masks = secrets.iter().map(|pointer| (pointer, MASK));
        let names = self.shown.iter().map(|(pointer, shown)| (pointer.as_str(), shown.as_str()));
        // Masks last: what is shown for a variable may contain a default, which may be secret.
        for (pointer, shown) in names.chain(masks) {
            match redacted.pointer_mut(pointer) {
                None | Some(Value::Null) => {}
                Some(value) => *value = Value::String(shown.to_owned()),
            }
        }
        redacted
    }
}
