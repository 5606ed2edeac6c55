//! Manifests: what a plugin says of itself without being run, and what the user configures.
//!
//! Both have the same shape: one entry, a list of entries, or a table of entries by name. It is
//! read and checked here, as a whole; what it means is decided elsewhere.

use std::fmt;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::schema::list_problems;
use crate::{Category, Error, ErrorKind, Result};

mod check;
pub(crate) mod scope;
mod shape;
mod syntax;

#[cfg(test)]
mod tests;

/// Whose document it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// A plugin's: `plugin.json` or `plugin.toml` beside its code.
    Plugin,
    /// The user's configuration, where `*`, `connection.*` and `action.*` stand for many plugins.
    User,
}

/// A document that was read and checked.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// Where it came from: a path, or what stands for one.
    pub origin: String,
    /// Its entries, in their order; no two have the same name.
    pub entries: Vec<ManifestEntry>,
}

/// What a document says of one plugin. `Debug` leaves the configuration out: it may hold secrets.
#[derive(Clone, PartialEq)]
pub struct ManifestEntry {
    /// The plugin's name; in the user's document also a scope such as `*`.
    pub name: String,
    /// The plugin's version, as in PEP 440.
    pub version: Option<String>,
    /// What the plugin is for.
    pub category: Option<Category>,
    /// What makes the plugin, where the user's document names another type than a category.
    pub made_by: Option<String>,
    /// What the plugin does.
    pub description: Option<String>,
    /// The plugins it needs, each readable as a [`crate::Requirement`].
    pub requires: Vec<String>,
    /// The file with the code, relative to the manifest and below its directory.
    pub entry: Option<PathBuf>,
    /// The plugin's configuration; empty if there is none.
    pub config: Map<String, Value>,
}

impl Manifest {
    /// Reads the file at `path`, JSON or TOML by its extension.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if it cannot be read, or with line and column if it is not JSON or
    /// TOML, or with all that is wrong in it.
    pub fn read(path: &Path, owner: Owner) -> Result<Self> {
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| {
            Error::new(ErrorKind::Config, format!("{origin} cannot be read: {error}"))
                .with_source(error)
        })?;
        Self::from_value(syntax::parse(&text, path)?, &origin, owner)
    }

    /// Checks a document that was read already; `origin` says from where, for messages.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] with all that is wrong in it, one problem a line.
    pub fn from_value(document: Value, origin: &str, owner: Owner) -> Result<Self> {
        let mut problems = Vec::new();
        let drafts = shape::entries(document, &mut problems);
        for draft in &drafts {
            check::entry(draft, owner, &mut problems);
        }
        check::names_differ(&drafts, &mut problems);
        if !problems.is_empty() {
            return Err(list_problems(origin, &problems)
                .with_hint("A plugin's entry looks like {\"name\": \"db\", \"config\": {…}}"));
        }
        let entries = drafts.into_iter().map(|draft| ManifestEntry::new(draft.fields)).collect();
        Ok(Self { origin: origin.to_owned(), entries })
    }
}

impl ManifestEntry {
    /// Takes the fields apart, which were checked.
    fn new(mut fields: Map<String, Value>) -> Self {
        let mut text = |key: &str| match fields.get_mut(key).map(Value::take) {
            Some(Value::String(text)) => Some(text),
            _ => None,
        };
        let name = text("name").unwrap_or_default();
        let (version, description) = (text("version"), text("description"));
        let kind = text("type");
        let category = kind.as_ref().and_then(|kind| kind.parse().ok());
        let made_by = kind.filter(|_| category.is_none());
        let entry = text("entry").map(PathBuf::from);
        let requires = fields.get("requires").and_then(Value::as_array).into_iter().flatten();
        let requires = requires.filter_map(|text| text.as_str().map(str::to_owned)).collect();
        let config = match fields.get_mut("config").map(Value::take) {
            Some(Value::Object(config)) => config,
            _ => Map::new(),
        };
        Self { name, version, category, made_by, description, requires, entry, config }
    }
}

impl fmt::Debug for ManifestEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManifestEntry")
            .field("name", &self.name)
            .field("version", &self.version)
            .field("category", &self.category)
            .field("made_by", &self.made_by)
            .field("requires", &self.requires)
            .field("entry", &self.entry)
            .finish_non_exhaustive()
    }
}
