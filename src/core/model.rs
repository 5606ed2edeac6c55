//! The words the whole system speaks: categories, kinds, stages, and what is known of a plugin.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{ActionPolicy, Error, ErrorKind};

/// What a plugin is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Category {
    /// A connection to something, with actions.
    Connection,
    /// One action.
    Action,
}

impl Category {
    /// All categories, in the order they are shown.
    pub const ALL: [Self; 2] = [Self::Connection, Self::Action];

    /// The category's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Action => "action",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Category {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|category| category.as_str() == name).ok_or_else(|| {
            Error::new(ErrorKind::Config, format!("unknown plugin category {name:?}"))
                .with_hint("The categories are \"connection\" and \"action\"")
        })
    }
}

/// What a plugin is written in, as far as the host cares.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A Python class.
    Python,
    /// A shared library.
    Native,
}

impl Kind {
    /// The kind's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Python => "python",
            Self::Native => "native",
        }
    }
}

/// Where on its way a plugin failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Finding it.
    Discover,
    /// Importing its Python module.
    Import,
    /// Loading its shared library.
    Load,
    /// Checking what it declares, its manifest or its configuration.
    Validate,
    /// Finding what it requires.
    Resolve,
    /// Creating and initializing it.
    Initialize,
    /// Cleaning it up.
    Cleanup,
    /// Staying well while it runs.
    Health,
}

impl Stage {
    /// The stage's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Import => "import",
            Self::Load => "load",
            Self::Validate => "validate",
            Self::Resolve => "resolve",
            Self::Initialize => "initialize",
            Self::Cleanup => "cleanup",
            Self::Health => "health",
        }
    }
}

/// How an action of a native plugin wants to be called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exec {
    /// On the caller's thread, with the interpreter held: short work only.
    #[default]
    Inline,
    /// With the interpreter released.
    Blocking,
    /// As a task of the library's own: it is started, and its outcome comes later.
    Async,
    /// As a task that yields items one by one, as they are asked for.
    Stream,
}

/// What is known of one action without running it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActionInfo {
    /// The action's name.
    pub name: String,
    /// What it does, for people and for models.
    #[serde(default)]
    pub description: String,
    /// How it wants to be called.
    #[serde(default)]
    pub exec: Exec,
    /// JSON Schema of its parameters, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub params: Option<Value>,
    /// JSON Schema of its result, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// What it declares about being run: whether it may be repeated, how often it may run.
    #[serde(default, skip_serializing_if = "ActionPolicy::is_empty")]
    pub policy: ActionPolicy,
}

/// What is known of one plugin without running it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PluginInfo {
    /// The plugin's name, unique in a host.
    pub name: String,
    /// The plugin's version.
    pub version: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub category: Category,
    /// What it does.
    #[serde(default)]
    pub description: String,
    /// The plugins it needs, each with an optional version range: `db`, `db>=1.2,<2`.
    #[serde(default)]
    pub requires: Vec<String>,
    /// JSON Schema of its configuration, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_schema: Option<Value>,
    /// Its actions, in the order it declares them.
    #[serde(default)]
    pub actions: Vec<ActionInfo>,
}

/// Something that went wrong with one plugin and did not stop the others.
#[derive(Debug)]
pub struct Failure {
    /// Where on its way the plugin failed.
    pub stage: Stage,
    /// The plugin's name, as far as known.
    pub plugin: Option<String>,
    /// Where it came from: a path, an entry point, or "registered by hand".
    pub origin: String,
    /// What went wrong.
    pub error: Error,
}
