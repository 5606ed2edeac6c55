//! From a manifest-shaped configuration to an instance, without a host.

use serde_json::Value;

use crate::{
    Category, Class, Environment, Error, ErrorKind, Manifest, Owner, Registry, Result, Settings,
    effective_config,
};

/// Creates an instance, not initialized yet, of the plugin that `document` names and configures.
///
/// # Errors
/// `Config` for a document with mistakes (all of them), a `type` other than `category`, or a
/// configuration that does not fit the plugin; `NotFound` for a plugin the registry does not have.
pub fn create<C: Class>(
    registry: &Registry<C>,
    category: Category,
    document: Value,
    environment: &Environment,
) -> Result<C::Instance> {
    let document = Manifest::from_value(document, "config", Owner::Plugin)?;
    let [entry] = &document.entries[..] else {
        return Err(Error::new(ErrorKind::Config, "config: it must describe one plugin")
            .with_hint("Pass {\"name\": …, \"config\": {…}}"));
    };
    if let Some(other) = entry.category.filter(|other| *other != category) {
        let name = &entry.name;
        return Err(Error::new(
            ErrorKind::Config,
            format!("config.type: {name:?} is of type {other}, asked for was {category}"),
        )
        .with_plugin(name));
    }
    let registered = registry.get(category, &entry.name)?;
    let info = &registered.info;
    let settings = Settings::new(document.clone());
    let config = effective_config(info, &registered.defaults, &settings, environment)?;
    if let Some(error) = config.invalid {
        return Err(error); // "enabled": false excuses it from being started, not from being right
    }
    registered.class.create(&config).map_err(|error| error.with_plugin(&info.name))
}
