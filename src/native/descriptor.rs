//! What a library declares about itself: the JSON in its descriptor section.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use zerepy_core::PluginInfo;
use zerepy_plugin_abi::ABI_MAJOR;

use crate::elf::other_major;
use crate::refusal::{Refusal, Result};

#[derive(Debug, Deserialize)]
pub(crate) struct Descriptor {
    pub(crate) abi: Version,
    pub(crate) panic: Panic,
    #[serde(default)]
    pub(crate) encoding: Encoding,
    /// What it was built with, such as `zerepy-plugin 0.1.0`.
    pub(crate) sdk: Option<String>,
    pub(crate) plugins: Vec<PluginInfo>,
}

/// What a panic in a library does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Panic {
    /// It ends the call, and the host goes on.
    Unwind,
    /// It ends the process; no such library is accepted.
    Abort,
}

/// How values are laid out that a library gets and gives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encoding {
    /// As tapes.
    #[default]
    Tape,
    /// As MessagePack, in the bytes that are a tape's only node.
    Msgpack,
}

#[derive(Deserialize)]
struct Versioned {
    abi: Major,
}

#[derive(Deserialize)]
struct Major {
    major: u16,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Version {
    pub(crate) major: u16,
    pub(crate) minor: u16,
}

/// The section's content without the NUL bytes that C strings and linkers add.
pub(crate) fn trim(section: &[u8]) -> &[u8] {
    let end = section.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
    &section[..end]
}

/// Reads a descriptor and checks it.
pub(crate) fn parse(json: &[u8]) -> Result<Descriptor> {
    let versioned: Versioned = read(json)?;
    if versioned.abi.major != ABI_MAJOR {
        return Err(other_major(versioned.abi.major));
    }
    let descriptor: Descriptor = read(json)?;
    if descriptor.panic == Panic::Abort {
        return Err(Refusal::load(
            "it is built with panic = \"abort\": a panic in it would end this whole process",
        )
        .hint("In its Cargo.toml, set panic = \"unwind\" under [profile.release]"));
    }
    check_plugins(&descriptor.plugins)?;
    Ok(descriptor)
}

fn read<'a, T: Deserialize<'a>>(json: &'a [u8]) -> Result<T> {
    serde_json::from_slice(json).map_err(|error| {
        Refusal::load(format!("its descriptor is not as expected: {error}"))
            .hint("Build the plugin again with the zerepy-plugin crate that fits this host")
    })
}

fn check_plugins(plugins: &[PluginInfo]) -> Result<()> {
    if plugins.is_empty() {
        return Err(Refusal::load("it declares no plugin"));
    }
    let mut names = HashSet::new();
    for plugin in plugins {
        zerepy_core::check_name(&plugin.name).map_err(|error| {
            let refusal = Refusal::load(error.message());
            match error.hint() {
                Some(hint) => refusal.hint(hint),
                None => refusal,
            }
        })?;
        if !names.insert(&plugin.name) {
            return Err(Refusal::load(format!("it declares the plugin {:?} twice", plugin.name)));
        }
        let mut actions = HashSet::new();
        if let Some(twice) = plugin.actions.iter().find(|action| !actions.insert(&action.name)) {
            let (plugin, action) = (&plugin.name, &twice.name);
            return Err(Refusal::load(format!(
                "its plugin {plugin:?} declares the action {action:?} twice"
            )));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"abi": {"major": 1, "minor": 0}, "panic": "unwind", "sdk": "s 1",
        "plugins": [{"name": "p", "version": "1.0.0", "type": "connection",
                     "actions": [{"name": "a"}, {"name": "b", "exec": "blocking"}]}]}"#;

    fn refused(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        let json = GOOD.replace(from, to);
        parse(json.as_bytes()).unwrap_err().at("x.so".as_ref()).to_string()
    }

    #[test]
    fn a_good_one_is_read() {
        let descriptor = parse(GOOD.as_bytes()).unwrap();
        assert_eq!(descriptor.sdk.as_deref(), Some("s 1"));
        assert_eq!(descriptor.plugins[0].actions.len(), 2);
        assert_eq!(descriptor.encoding, Encoding::Tape);
        let packs = GOOD.replace("\"sdk\"", "\"encoding\": \"msgpack\", \"sdk\"");
        assert_eq!(parse(packs.as_bytes()).unwrap().encoding, Encoding::Msgpack);
    }

    #[test]
    fn each_fault_has_its_message() {
        for (from, to, expected) in [
            ("\"major\": 1", "\"major\": 2", "built for plugin ABI v2; this host speaks v1"),
            ("\"unwind\"", "\"abort\"", "panic = \"unwind\" under [profile.release]"),
            ("\"unwind\"", "\"maybe\"", "unknown variant `maybe`"),
            ("\"sdk\": \"s 1\"", "\"encoding\": \"xml\"", "unknown variant `xml`"),
            ("\"blocking\"", "\"later\"", "unknown variant `later`, expected one of `inline`"),
            ("\"p\"", "\"a b\"", "\"a b\" cannot be a plugin's name"),
            ("\"b\"", "\"a\"", "declares the action \"a\" twice"),
            ("\"connection\"", "\"hook\"", "unknown variant `hook`"),
            ("{\"abi\"", "{{\"abi\"", "its descriptor is not as expected"),
            ("\"version\": \"1.0.0\",", "", "missing field `version`"),
        ] {
            let message = refused(from, to);
            assert!(message.contains(expected), "{message}");
        }
    }

    #[test]
    fn padding_is_no_part_of_it() {
        assert_eq!(trim(b"{}\0\0"), b"{}");
        assert_eq!(trim(b"\0"), b"");
    }
}
