//! From text to a value: JSON or TOML.

use std::path::Path;

use serde_json::Value;

use crate::{Error, ErrorKind, Result};

/// Reads `text`, which is the content of the file at `path`.
pub(super) fn parse(text: &str, path: &Path) -> Result<Value> {
    let extension = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    let origin = path.display();
    match extension.as_str() {
        "json" => serde_json::from_str(text).map_err(|error| {
            let what = error.to_string(); // ends in "at line 3 column 7"
            Error::new(ErrorKind::Config, format!("{origin} is not JSON: {what}"))
                .with_source(error)
        }),
        "toml" => match toml::from_str::<toml::Table>(text) {
            Ok(table) => value(toml::Value::Table(table))
                .map_err(|why| Error::new(ErrorKind::Config, format!("{origin}: {why}"))),
            // The error itself is not kept: it quotes the line, in which there may be a secret.
            Err(error) => {
                let place = place(text, error.span().map_or(0, |span| span.start));
                let message = format!("{origin} is not TOML: {} at {place}", error.message());
                Err(Error::new(ErrorKind::Config, message))
            }
        },
        _ => Err(Error::new(ErrorKind::Config, format!("{origin} is neither JSON nor TOML"))
            .with_hint("Name it so that it ends in .json or .toml")),
    }
}

/// Line and column, both counted from 1, as `serde_json` writes them.
fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!("line {line} column {column}")
}

/// TOML as JSON: dates and times become texts.
fn value(toml: toml::Value) -> Result<Value, String> {
    Ok(match toml {
        toml::Value::String(text) => Value::String(text),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Boolean(yes) => yes.into(),
        toml::Value::Datetime(time) => Value::String(time.to_string()),
        toml::Value::Float(number) => serde_json::Number::from_f64(number)
            .map(Value::Number)
            .ok_or_else(|| format!("the number {number} cannot be used in a configuration"))?,
        toml::Value::Array(items) => items.into_iter().map(value).collect::<Result<_, _>>()?,
        toml::Value::Table(table) => Value::Object(
            table
                .into_iter()
                .map(|(key, item)| Ok((key, value(item)?)))
                .collect::<Result<_, String>>()?,
        ),
    })
}
