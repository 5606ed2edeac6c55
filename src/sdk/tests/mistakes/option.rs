use zerepy_plugin::plugin;

struct Typo;

#[plugin(connection, nam = "typo")]
impl Typo {
    fn initialize() -> Self {
        Self
    }

    #[action(blockin)]
    fn greet(&self) -> String {
        String::new()
    }
}

fn main() {}
