use serde::{Deserialize, Serialize};
use zerepy_plugin::{Result, Schema, plugin};

#[derive(Deserialize, Schema)]
struct Text<'a> {
    /// The text to count in.
    text: &'a str,
}

#[derive(Serialize, Schema)]
struct Counts {
    words: usize,
    lines: usize,
}

struct Counter;

/// Counts what a text is made of.
#[plugin(connection, name = "counter")]
impl Counter {
    fn initialize() -> Result<Self> {
        Ok(Self)
    }

    /// Counts words and lines.
    #[action]
    fn count(&self, params: Text<'_>) -> Counts {
        Counts { words: params.text.split_whitespace().count(), lines: params.text.lines().count() }
    }
}

zerepy_plugin::export!(Counter);
