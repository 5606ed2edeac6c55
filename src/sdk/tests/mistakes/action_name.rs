use zerepy_plugin::plugin;

struct Wrong;

#[plugin(action, name = "wrong")]
impl Wrong {
    fn initialize() -> Self {
        Self
    }

    #[action]
    fn run(&self) -> String {
        String::new()
    }
}

fn main() {}
