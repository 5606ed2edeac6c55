use std::fs;

use tempfile::TempDir;

use super::*;

/// A directory with these files in it, each `path` or `path = content`.
fn directory(files: &[&str]) -> TempDir {
    let dir = TempDir::new().unwrap();
    for file in files {
        let (path, content) = file.split_once(" = ").unwrap_or((file, ""));
        let path =
            dir.path().join(path.replace(".so", &format!(".{}", std::env::consts::DLL_EXTENSION)));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    dir
}

/// What was found, relative to the directory: `module x.py`, `package x: plugin.py`, `library x.so`,
/// with the names in its manifest.
fn found(dir: &TempDir, scan: &Scan) -> Vec<String> {
    let relative = |path: &Path| {
        let path = path.strip_prefix(dir.path()).unwrap().display().to_string();
        path.replace(&format!(".{}", std::env::consts::DLL_EXTENSION), ".so")
    };
    let shown = |candidate: &Candidate| {
        assert_eq!(candidate.root, dir.path());
        let unit = match &candidate.unit {
            Unit::Module(path) => format!("module {}", relative(path)),
            Unit::Library(path) => format!("library {}", relative(path)),
            Unit::Package { dir, code } => {
                let code: Vec<_> = code
                    .iter()
                    .map(|path| path.strip_prefix(dir).unwrap().to_str().unwrap())
                    .collect();
                format!("package {}: {}", relative(dir), code.join(" "))
            }
        };
        match &candidate.manifest {
            None => unit,
            Some(manifest) => {
                let names: Vec<_> =
                    manifest.entries.iter().map(|entry| entry.name.as_str()).collect();
                format!("{unit} ({})", names.join(" "))
            }
        }
    };
    scan.candidates.iter().map(shown).collect()
}

/// What failed: stage, plugin, and the error without the directory's own path.
fn failed(dir: &TempDir, scan: &Scan) -> Vec<String> {
    let prefix = format!("{}/", dir.path().display());
    scan.failures
        .iter()
        .map(|failure| {
            let (stage, plugin) = (failure.stage.as_str(), failure.plugin.as_deref().unwrap());
            format!("{stage} {plugin}: {}", failure.error).replace(&prefix, "")
        })
        .collect()
}

#[test]
fn every_layout_is_found_in_order() {
    let dir = directory(&[
        "zeta.py",
        "alpha.py",
        "packed/__init__.py",
        "plain/plugin.py",
        "both/__init__.py",
        "both/plugin.py",
        "both/_fast.so",
        "both/helper.so",
        "described/plugin.json = {\"name\": \"db\"}",
        "described/plugin.py",
        "native/plugin.toml = name = \"rs\"",
        "native/librs.so",
        "bare/liba.so",
        "bare/libb.so",
        "libc.so",
        "connections/web.py",
        "connections/deep/plugin.py",
        "connections/connections/lost.py",
        "actions/act/plugin.json = {\"name\": \"act\"}",
        "actions/act/__init__.py",
    ]);
    let scan = scan(dir.path());
    assert_eq!(
        found(&dir, &scan),
        [
            "package actions/act: __init__.py (act)",
            "module alpha.py",
            "library bare/liba.so",
            "library bare/libb.so",
            "package both: __init__.py plugin.py",
            "package connections/deep: plugin.py",
            "module connections/web.py",
            "package described: plugin.py (db)",
            "library libc.so",
            "library native/librs.so (rs)",
            "package packed: __init__.py",
            "package plain: plugin.py",
            "module zeta.py",
        ]
    );
    assert!(scan.failures.is_empty() && !scan.missing);
}

#[test]
fn a_connections_directory_with_code_of_its_own_is_a_plugin() {
    let dir = directory(&["connections/__init__.py", "connections/web.py"]);
    assert_eq!(found(&dir, &scan(dir.path())), ["package connections: __init__.py"]);
}

#[test]
fn private_hidden_and_other_files_are_passed_over() {
    let dir = directory(&[
        "_base.py",
        ".hidden.py",
        "__pycache__/x.py",
        "__init__.py",
        "conftest.py",
        "README.md",
        "data/readme.txt",
        ".git/plugin.py",
        "x.pyc",
    ]);
    let scan = scan(dir.path());
    assert!(scan.candidates.is_empty() && scan.failures.is_empty(), "{scan:?}");
}

#[test]
fn a_manifest_may_be_about_several_files() {
    let dir = directory(&[
        "kit/plugin.json = [{\"name\": \"a\", \"entry\": \"a.py\"}, {\"name\": \"b\", \"entry\": \
         \"lib/b.py\"}, {\"name\": \"c\"}, {\"name\": \"d\", \"entry\": \"plugin.py\"}]",
        "kit/a.py",
        "kit/lib/b.py",
        "kit/plugin.py",
    ]);
    assert_eq!(
        found(&dir, &scan(dir.path())),
        ["module kit/a.py (a)", "module kit/lib/b.py (b)", "package kit: plugin.py (c d)"]
    );
}

#[test]
fn the_directory_of_a_single_plugin_may_be_given() {
    let dir = directory(&["plugin.json = {\"name\": \"solo\"}", "plugin.py", "helper.py"]);
    assert_eq!(found(&dir, &scan(dir.path())), ["package : plugin.py (solo)"]);
}

#[test]
fn what_is_wrong_with_one_does_not_hide_the_others() {
    let dir = directory(&[
        "good.py",
        "syntax/plugin.json = {\"name\": }",
        "shape/plugin.json = {\"name\": \"shape\", \"verson\": \"1\"}",
        "empty/plugin.json = {\"name\": \"lonely\"}",
        "gone/plugin.json = {\"name\": \"gone\", \"entry\": \"plugn.py\"}",
        "gone/plugin.py",
        "odd/plugin.json = {\"name\": \"odd\", \"entry\": \"notes.txt\"}",
        "odd/notes.txt",
        "two/plugin.json",
        "two/plugin.toml",
        "unclear/plugin.toml = name = \"unclear\"",
        "unclear/a.so",
        "unclear/b.so",
    ]);
    let scan = scan(dir.path());
    let (ext, dll) = (std::env::consts::DLL_EXTENSION, ".so");
    assert_eq!(found(&dir, &scan), ["module good.py"]);
    let expected = [
        "validate lonely: empty/plugin.json is about \"lonely\", but there is no code beside it. \
         Put plugin.py, __init__.py or the shared library (was it built?) into the directory",
        "validate gone: gone/plugin.json is about \"gone\", but its \"entry\" plugn.py is not \
         there. Did you mean \"plugin.py\"?",
        "validate odd: odd/plugin.json is about \"odd\", but its \"entry\" notes.txt is neither a \
         Python file nor a library. Name a file that ends in .py or .so",
        "validate shape: shape/plugin.json has a problem:\n  verson: unknown key. Did you mean \
         \"version\"?\nA plugin's entry looks like {\"name\": \"db\", \"config\": {…}}",
        "validate syntax: syntax/plugin.json is not JSON: expected value at line 1 column 10",
        "validate two: two has both plugin.json and plugin.toml. Keep one of the two",
        "validate unclear: unclear/plugin.toml is about \"unclear\", but there are several \
         libraries beside it: a.so, b.so. Say which one with \"entry\"",
    ];
    assert_eq!(failed(&dir, &scan), expected.map(|line| line.replace(dll, &format!(".{ext}"))));
}

#[test]
fn a_missing_directory_is_said_to_be_missing() {
    let dir = directory(&["file"]);
    let gone = scan(&dir.path().join("gone"));
    assert!(gone.missing && gone.candidates.is_empty() && gone.failures.is_empty());
    let file = scan(&dir.path().join("file"));
    assert!(!file.missing);
    assert_eq!(file.failures[0].stage, Stage::Discover);
}

#[cfg(unix)]
#[test]
fn links_are_followed_but_not_in_circles() {
    use std::os::unix::fs::symlink;

    let dir = directory(&["a.py", "kit/plugin.json = {\"name\": \"out\", \"entry\": \"out.py\"}"]);
    let elsewhere = directory(&["plugin.py", "secret.py"]);
    symlink(elsewhere.path(), dir.path().join("linked")).unwrap();
    symlink(dir.path(), dir.path().join("connections")).unwrap();
    symlink(dir.path().join("nothing"), dir.path().join("broken.py")).unwrap();
    symlink(dir.path().join("self"), dir.path().join("self")).unwrap();
    symlink(elsewhere.path().join("secret.py"), dir.path().join("kit/out.py")).unwrap();
    let scan = scan(dir.path());
    assert_eq!(found(&dir, &scan), ["module a.py", "package linked: plugin.py"]);
    let failed = failed(&dir, &scan);
    let starts = [
        "discover broken: broken.py cannot be read: ",
        "discover connections: connections is a link to a directory that contains it. ",
        "validate out: kit/plugin.json is about \"out\", but its \"entry\" out.py leads out of the \
         directory. ",
        "discover self: self cannot be read: ",
    ];
    assert_eq!(failed.len(), starts.len(), "{failed:?}");
    for (failure, start) in failed.iter().zip(starts) {
        assert!(failure.starts_with(start), "{failure}");
    }
}
