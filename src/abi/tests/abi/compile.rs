//! Compilers accept the header, and with it that the layout is the same in C and C++.

use std::io::Write;
use std::process::{Command, Stdio};

const INCLUDE: &str =
    concat!("-I", env!("CARGO_MANIFEST_DIR"), "/../../python/zerepy_plugins/include");

const PLUGIN: &str = r#"
#include <zerepy_plugin.h>
#include <zerepy_plugin.h>

static int32_t cleanup(zerepy_instance instance, zerepy_error *error) {
    (void)instance;
    error->code = ZEREPY_CODE_EXECUTION;
    return ZEREPY_STATUS_FAILED;
}

const zerepy_library *zerepy_plugin_entry_v1(const zerepy_host *host, zerepy_error *error) {
    static const char descriptor[] = "{}";
    static zerepy_plugin plugin;
    static const zerepy_plugin *const plugins[] = {&plugin};
    static zerepy_library library;
    plugin.size = sizeof plugin;
    plugin.cleanup = cleanup;
    library.magic = ZEREPY_MAGIC;
    library.descriptor.ptr = (const uint8_t *)descriptor;
    library.plugins = plugins;
    return host->abi_major == ZEREPY_ABI_MAJOR && error->size ? &library : NULL;
}
"#;

fn accepts(compiler: &str, language: [&str; 2]) {
    let mut compiler = Command::new(compiler)
        .args(["-fsyntax-only", "-Wall", "-Wextra", "-pedantic", "-Werror", INCLUDE, "-x"])
        .args(language)
        .arg("-")
        .stdin(Stdio::piped())
        .spawn()
        .expect("the tests need compilers for C and C++, \"cc\" and \"c++\"");
    compiler.stdin.take().unwrap().write_all(PLUGIN.as_bytes()).unwrap();
    assert!(compiler.wait().unwrap().success());
}

#[test]
fn as_c11() {
    accepts("cc", ["c", "-std=c11"]);
}

#[test]
fn as_cpp17() {
    accepts("c++", ["c++", "-std=c++17"]);
}
