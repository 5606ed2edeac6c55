//! The wrapper around a plugin's options that every configuration has.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapDeserializer;
use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::schema::{Field, Schema, Shape};

/// What `initialize` receives: `{"enabled": true, "options": {…}}`.
///
/// Without `enabled` it is `true`; without `options` they are read from an empty map, so a type
/// whose fields all have defaults needs nothing. Other keys are the host's and are passed over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config<T> {
    /// Whether the user wants the plugin. The host does not start one that is not wanted.
    pub enabled: bool,
    /// The plugin's own options.
    pub options: T,
}

impl<T: Schema> Schema for Config<T> {
    const SCHEMA: &'static Shape = &Shape::Struct {
        description: "",
        fields: &[
            Field {
                name: "enabled",
                description: "Whether the plugin is started.",
                shape: bool::SCHEMA,
                required: false,
                secret: false,
            },
            Field {
                name: "options",
                description: "",
                shape: T::SCHEMA,
                required: T::SCHEMA.needs_fields(),
                secret: false,
            },
        ],
        open: true,
    };
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Config<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ConfigVisitor(PhantomData))
    }
}

struct ConfigVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ConfigVisitor<T> {
    type Value = Config<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a configuration (a map)")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut enabled, mut options) = (true, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "enabled" => enabled = map.next_value()?,
                "options" => options = Some(map.next_value()?),
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        let options = match options {
            Some(options) => options,
            None => empty().map_err(|error| A::Error::custom(format!("options: {error}")))?,
        };
        Ok(Config { enabled, options })
    }
}

fn empty<'de, T: Deserialize<'de>>() -> Result<T, serde::de::value::Error> {
    T::deserialize(MapDeserializer::new(std::iter::empty::<((), ())>()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq)]
    struct Options {
        #[serde(default)]
        depth: u8,
    }

    #[derive(Debug, Deserialize)]
    struct Strict {
        #[expect(dead_code, reason = "only its absence matters")]
        key: String,
    }

    #[test]
    fn everything_may_be_missing() {
        let config: Config<Options> = serde_json::from_str(r#"{"name": "x"}"#).unwrap();
        assert_eq!(config, Config { enabled: true, options: Options { depth: 0 } });
    }

    #[test]
    fn what_the_options_need_is_named() {
        let error = serde_json::from_str::<Config<Strict>>("{}").unwrap_err();
        assert!(error.to_string().starts_with("options: missing field `key`"), "{error}");
    }
}
