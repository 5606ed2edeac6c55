use serde::Deserialize;
use zerepy_plugin::plugin;

#[derive(Deserialize)]
struct Params {
    name: String,
}

struct NoSchema;

#[plugin(connection, name = "no-schema")]
impl NoSchema {
    fn initialize() -> Self {
        Self
    }

    #[action]
    fn greet(&self, params: Params) -> String {
        params.name
    }
}

fn main() {}
