//! What a library says of itself, as a tree known at compile time and rendered there as JSON: the
//! same bytes stand in the binary's section and in the library's table.

use zerepy_plugin_abi::{ABI_MAJOR, ABI_MINOR};

use crate::json::Json;
use crate::schema::Shape;

/// Who made the descriptor.
pub const SDK: &str = concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION"));

/// A library and its plugins.
#[derive(Debug)]
pub struct LibraryDescriptor {
    /// `unwind` or `abort`: what a panic does in this library.
    pub panic: &'static str,
    /// The plugins, in the order of the library's table.
    pub plugins: &'static [&'static PluginDescriptor],
}

/// One plugin.
#[derive(Debug)]
pub struct PluginDescriptor {
    /// Its name, unique in a host.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// What it is for.
    pub category: Category,
    /// What it does.
    pub description: &'static str,
    /// The plugins it needs, each with an optional version range.
    pub requires: &'static [&'static str],
    /// What its configuration looks like, where it takes one.
    pub config: Option<&'static Shape>,
    /// Its actions, in the order of their index.
    pub actions: &'static [ActionDescriptor],
}

/// One action.
#[derive(Debug)]
pub struct ActionDescriptor {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub description: &'static str,
    /// How it wants to be called.
    pub exec: Exec,
    /// Whether it may be done twice.
    pub idempotent: bool,
    /// What its parameters look like; none if it takes none.
    pub params: Option<&'static Shape>,
    /// What its result looks like.
    pub result: &'static Shape,
}

/// What a plugin is for.
#[derive(Clone, Copy, Debug)]
pub enum Category {
    /// A connection to something, with actions.
    Connection,
    /// One action.
    Action,
}

/// How an action wants to be called.
#[derive(Clone, Copy, Debug)]
pub enum Exec {
    /// On the caller's thread, with the interpreter held.
    Inline,
    /// With the interpreter released.
    Blocking,
    /// As a task of the library's own.
    Async,
    /// As a task that yields items.
    Stream,
}

/// How many bytes [`render`] needs.
#[must_use]
pub const fn measure(library: &LibraryDescriptor) -> usize {
    write::<0>(library).len()
}

/// Renders the descriptor; `N` is what [`measure`] returned.
#[must_use]
pub const fn render<const N: usize>(library: &LibraryDescriptor) -> [u8; N] {
    write::<N>(library).into_bytes()
}

const fn write<const N: usize>(library: &LibraryDescriptor) -> Json<N> {
    let mut json = Json::new();
    json.raw("{\"abi\":{\"major\":");
    json.number(ABI_MAJOR);
    json.raw(",\"minor\":");
    json.number(ABI_MINOR);
    json.raw("}");
    json.pair("panic", library.panic);
    json.pair("sdk", SDK);
    json.key("plugins");
    json.raw("[");
    let mut at = 0;
    while at < library.plugins.len() {
        json.comma();
        write_plugin(&mut json, library.plugins[at]);
        at += 1;
    }
    json.raw("]}");
    json
}

const fn write_plugin<const N: usize>(json: &mut Json<N>, plugin: &PluginDescriptor) {
    json.raw("{");
    json.pair("name", plugin.name);
    json.pair("version", plugin.version);
    let category = match plugin.category {
        Category::Connection => "connection",
        Category::Action => "action",
    };
    json.pair("type", category);
    json.pair("description", plugin.description);
    json.key("requires");
    json.texts(plugin.requires);
    if let Some(config) = plugin.config {
        json.key("config_schema");
        config.write(json, "", false);
    }
    json.key("actions");
    json.raw("[");
    let mut at = 0;
    while at < plugin.actions.len() {
        json.comma();
        write_action(json, &plugin.actions[at]);
        at += 1;
    }
    json.raw("]}");
}

const fn write_action<const N: usize>(json: &mut Json<N>, action: &ActionDescriptor) {
    json.raw("{");
    json.pair("name", action.name);
    json.pair("description", action.description);
    let exec = match action.exec {
        Exec::Inline => "inline",
        Exec::Blocking => "blocking",
        Exec::Async => "async",
        Exec::Stream => "stream",
    };
    json.pair("exec", exec);
    if action.idempotent {
        json.raw(",\"policy\":{\"idempotent\":true}");
    }
    json.key("params");
    let params = match action.params {
        Some(params) => params,
        None => Shape::NOTHING,
    };
    params.write(json, "", false);
    json.key("result");
    action.result.write(json, "", false);
    json.raw("}");
}
