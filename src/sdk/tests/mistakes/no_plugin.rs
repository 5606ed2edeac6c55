struct Plain;

zerepy_plugin::export!(Plain);

fn main() {}
