//! Tells the extension how it is built.

fn main() {
    let level = std::env::var("OPT_LEVEL").unwrap_or_default();
    println!("cargo::rustc-env=ZEREPY_OPT_LEVEL={level}");
    println!("cargo::rerun-if-changed=build.rs");
}
