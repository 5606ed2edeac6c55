//! From what a directory holds to classes: each candidate on its own, checked against its manifest.

use crate::{
    Candidate, CandidateManifest, Error, ErrorKind, Failure, ManifestEntry, Registered, Result,
    Scan, Stage, Unit, suggestion,
};

/// Runs a candidate's code and returns the plugin classes in it; implemented by the bindings.
pub trait Importer<C> {
    /// The classes of one candidate; none if it just is no plugin.
    fn import(&self, candidate: &Candidate) -> Result<Vec<Registered<C>>>;
}

/// What was found, and what was broken.
#[derive(Debug)]
pub struct Found<C> {
    /// Plugin classes, in the order of the candidates.
    pub plugins: Vec<Registered<C>>,
    /// What failed.
    pub failures: Vec<Failure>,
}

/// Imports what `scan` found. A broken candidate becomes a failure and never stops the others; only
/// an interruption (Ctrl-C) ends it.
pub fn import<C>(scan: Scan, importer: &impl Importer<C>) -> Result<Found<C>> {
    let mut found = Found { plugins: Vec::new(), failures: scan.failures };
    for candidate in scan.candidates {
        match importer.import(&candidate) {
            Ok(plugins) => found.add(&candidate, plugins),
            Err(error) if error.kind() == ErrorKind::Interrupted => return Err(error),
            Err(error) => found.failures.push(failure(&candidate, error)),
        }
    }
    Ok(found)
}

impl<C> Found<C> {
    /// Adds a candidate's plugins, unless its manifest tells otherwise.
    fn add(&mut self, candidate: &Candidate, mut plugins: Vec<Registered<C>>) {
        let Some(manifest) = &candidate.manifest else {
            self.plugins.extend(plugins);
            return;
        };
        for entry in &manifest.entries {
            if let Err(error) = apply(entry, manifest, &mut plugins) {
                self.failures.push(failure(candidate, error));
                plugins.retain(|plugin| plugin.info.name != entry.name);
            }
        }
        self.plugins.extend(plugins);
    }
}

/// Checks one manifest entry against the class it describes, and completes the class's data by it.
fn apply<C>(
    entry: &ManifestEntry,
    manifest: &CandidateManifest,
    plugins: &mut [Registered<C>],
) -> Result<()> {
    let (name, file) = (&entry.name, manifest.path.display());
    let wrong = |why: String| Error::new(ErrorKind::Config, why).with_plugin(name);
    let Some(at) = plugins.iter().position(|plugin| plugin.info.name == *name) else {
        let names = plugins.iter().map(|plugin| plugin.info.name.as_str());
        let hint = suggestion(name, names);
        return Err(wrong(format!(
            "{file} describes {name:?}, which the code beside it does not define"
        ))
        .with_hint(hint));
    };
    let plugin = &mut plugins[at];
    if let Some(version) = entry.version.as_ref().filter(|version| **version != plugin.info.version)
    {
        let coded = &plugin.info.version;
        return Err(wrong(format!(
            "{file} says {name:?} has version {version}, its code says {coded}"
        ))
        .with_hint("Make the two equal"));
    }
    if let Some(category) = entry.category.filter(|category| *category != plugin.info.category) {
        let coded = plugin.info.category;
        return Err(wrong(format!(
            "{file} says {name:?} is of type {category}, its code says {coded}"
        ))
        .with_hint("Make the two equal"));
    }
    if let Some(description) = &entry.description {
        plugin.info.description.clone_from(description);
    }
    for requirement in &entry.requires {
        if !plugin.info.requires.contains(requirement) {
            plugin.info.requires.push(requirement.clone());
        }
    }
    plugin.defaults.clone_from(&entry.config);
    Ok(())
}

fn failure(candidate: &Candidate, error: Error) -> Failure {
    let stage = match (error.kind(), &candidate.unit) {
        (ErrorKind::Config, _) => Stage::Validate,
        (_, Unit::Library(_)) => Stage::Load,
        _ => Stage::Import,
    };
    let entries = candidate.manifest.iter().flat_map(|manifest| &manifest.entries);
    let stem = candidate.path.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let plugin = error.plugin().map(str::to_owned);
    let plugin = plugin.or_else(|| entries.map(|entry| entry.name.clone()).next()).or(stem);
    Failure { stage, plugin, origin: candidate.path.display().to_string(), error }
}
