use zerepy_plugin::plugin;

struct Twice;

#[plugin(connection, name = "twice")]
impl Twice {
    fn initialize() -> Self {
        Self
    }

    #[action]
    fn greet(&self) -> String {
        String::new()
    }

    #[action]
    fn greet(&self) -> String {
        String::new()
    }
}

fn main() {}
