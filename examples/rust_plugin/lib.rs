use serde::Deserialize;
use zerepy_plugin::{Result, Schema, plugin};

#[derive(Deserialize, Schema)]
struct Text<'a> {
    /// The text to count in.
    text: &'a str,
}

struct Counter;

/// Counts what a text is made of.
#[plugin(connection, name = "counter")]
impl Counter {
    fn initialize() -> Result<Self> {
        Ok(Self)
    }

    /// Counts words.
    #[action]
    fn words(&self, params: Text<'_>) -> usize {
        params.text.split_whitespace().count()
    }
}

zerepy_plugin::export!(Counter);
