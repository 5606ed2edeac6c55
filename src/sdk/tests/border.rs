//! A library of two plugins, used as a host would use it.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::sync::atomic::{AtomicBool, Ordering};

use serde::{Deserialize, Serialize};
use serde_json::json;
use zerepy_plugin::testing::Harness;
use zerepy_plugin::{Config, Error, Result, Schema, Value, log, plugin};
use zerepy_plugin_abi::{
    ABI_MAJOR, ABI_MINOR, FfiError, FfiHost, FfiLibrary, FfiSlice, MAGIC, code,
};

#[derive(Deserialize, Schema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Options {
    /// How the plugin
    /// signs in.
    ///
    /// Ask for one.
    #[schema(secret)]
    api_key: String,
    #[serde(default)]
    mood: Mood,
    #[serde(skip)]
    cache: Option<u8>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, Schema)]
#[serde(rename_all = "kebab-case")]
enum Mood {
    #[default]
    VeryGood,
    #[serde(rename = "low")]
    Bad,
}

#[derive(Deserialize, Schema)]
struct Texts<'a, T> {
    #[serde(borrow)]
    texts: Vec<&'a str>,
    r#type: Option<T>,
}

struct Machine {
    options: Options,
    broken: AtomicBool,
}

/// Does "things".
#[plugin(connection, name = "machine", version = "2.1.0", requires = ["db>=1", "log"])]
impl Machine {
    fn initialize(config: Config<Options>) -> Result<Self> {
        let options = config.options;
        if options.api_key.is_empty() {
            return Err(Error::config("options.apiKey: must not be empty").with_hint("Get one."));
        }
        Ok(Self { options, broken: AtomicBool::new(false) })
    }

    fn cleanup(&self) -> Result<()> {
        assert!(!self.options.api_key.starts_with("panic"), "cleanup panicked");
        if self.broken.swap(false, Ordering::Relaxed) {
            return Err(Error::new("broken, once"));
        }
        Ok(())
    }

    fn is_configured(&self) -> bool {
        true
    }

    fn health(&self) -> bool {
        !self.broken.load(Ordering::Relaxed)
    }

    fn configure(&self) -> Result<bool> {
        Err(Error::not_ready("later", 2.0))
    }

    /// Joins texts.
    #[action]
    fn join(&self, params: Texts<'_, u8>) -> (String, Option<u8>) {
        (params.texts.concat(), params.r#type)
    }

    /// Picks the first.
    #[action(blocking)]
    fn first<'a>(&self, params: Texts<'a, Value>) -> Result<Option<&'a str>> {
        log!(Warning, "picking from {}", params.texts.len());
        Ok(params.texts.first().copied())
    }

    /// Tells the mood.
    #[action]
    fn mood(&self) -> Mood {
        self.options.cache.map_or(self.options.mood, |_| Mood::Bad)
    }

    #[action]
    fn parse(&self, text: String) -> Result<i32, std::num::ParseIntError> {
        text.parse()
    }

    #[action]
    fn break_down(&self, how: u8) {
        self.broken.store(true, Ordering::Relaxed);
        if how == 1 {
            std::panic::panic_any(17);
        }
        assert!(how == 0, "broke down with {how}");
    }
}

struct Count;

#[plugin(action, name = "count")]
impl Count {
    fn initialize() -> Self {
        Self
    }

    #[action]
    fn execute(&self, params: Vec<u8>) -> usize {
        params.len()
    }
}

zerepy_plugin::export!(Machine, Count);

unsafe extern "C" {
    fn zerepy_plugin_entry_v1(host: *const FfiHost, error: *mut FfiError) -> *const FfiLibrary;
}

fn start() -> Harness<Machine> {
    Harness::start(&json!({"options": {"apiKey": "k"}})).unwrap()
}

fn host() -> FfiHost {
    FfiHost {
        magic: MAGIC,
        size: u32::try_from(size_of::<FfiHost>()).unwrap(),
        abi_major: 1,
        abi_minor: 7,
        log: Some(keep),
        get_extension: None,
    }
}

static KEPT: std::sync::Mutex<Vec<String>> = std::sync::Mutex::new(Vec::new());

unsafe extern "C" fn keep(_: *const FfiHost, level: u32, plugin: FfiSlice, message: FfiSlice) {
    KEPT.lock().unwrap().push(format!("{level} {} {}", text(plugin), text(message)));
}

fn text(slice: FfiSlice) -> String {
    // SAFETY: the tests pass slices of living texts only.
    let bytes = unsafe { std::slice::from_raw_parts(slice.ptr, slice.len) };
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn library(host: *const FfiHost) -> Result<&'static FfiLibrary, String> {
    let mut error = FfiError::empty();
    // SAFETY: as the ABI says.
    let library = unsafe { zerepy_plugin_entry_v1(host, &raw mut error) };
    // SAFETY: it is NULL, or lives as long as the process.
    unsafe { library.as_ref() }.ok_or_else(|| {
        assert_eq!(error.code, code::STATE);
        let message = text(error.message);
        // SAFETY: once.
        unsafe { error.release.unwrap()(error.owner) };
        message
    })
}

#[test]
fn the_descriptor_tells_everything() {
    let host = Box::leak(Box::new(host()));
    let library = library(host).unwrap();
    assert_eq!(library.plugin_count, 2);
    let descriptor: serde_json::Value = serde_json::from_str(&text(library.descriptor)).unwrap();
    assert_eq!(descriptor["abi"], json!({"major": ABI_MAJOR, "minor": ABI_MINOR}));
    assert_eq!(descriptor["panic"], "unwind");
    assert_eq!(descriptor["sdk"], format!("zerepy-plugin {}", env!("CARGO_PKG_VERSION")));
    let machine = &descriptor["plugins"][0];
    assert_eq!(machine["name"], "machine");
    assert_eq!(machine["version"], "2.1.0");
    assert_eq!(machine["type"], "connection");
    assert_eq!(machine["description"], "Does \"things\".");
    assert_eq!(machine["requires"], json!(["db>=1", "log"]));
    assert_eq!(
        machine["config_schema"]["properties"]["options"],
        json!({
            "type": "object",
            "properties": {
                "apiKey": {
                    "description": "How the plugin signs in.\n\nAsk for one.",
                    "type": "string",
                    "writeOnly": true,
                },
                "mood": {"type": "string", "enum": ["very-good", "low"]},
            },
            "required": ["apiKey"],
            "additionalProperties": false,
        })
    );
    assert_eq!(machine["config_schema"]["required"], json!(["options"]));
    assert_eq!(
        machine["actions"][0],
        json!({
            "name": "join",
            "description": "Joins texts.",
            "exec": "inline",
            "params": {
                "type": "object",
                "properties": {
                    "texts": {"type": "array", "items": {"type": "string"}},
                    "type": {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
                },
                "required": ["texts"],
            },
            "result": {
                "type": "array",
                "prefixItems": [
                    {"type": "string"},
                    {"anyOf": [{"type": "integer", "minimum": 0}, {"type": "null"}]},
                ],
                "items": false,
            },
        })
    );
    assert_eq!(machine["actions"][1]["exec"], "blocking");
    assert_eq!(
        machine["actions"][2]["params"],
        json!({"type": "object", "properties": {}, "required": [], "additionalProperties": false})
    );
    let count = &descriptor["plugins"][1];
    assert_eq!(count["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(count.get("config_schema"), None);
}

#[test]
fn the_handshake_refuses_hosts_that_cannot_work() {
    assert_eq!(library(std::ptr::null()).unwrap_err(), "the host passed no table");
    let refused = |host: FfiHost| library(&raw const host).unwrap_err();
    assert!(refused(FfiHost { magic: 1, ..host() }).contains("magic number"));
    assert_eq!(
        refused(FfiHost { abi_major: 2, ..host() }),
        "the host speaks version 2 of the ABI, the library 1"
    );
    assert!(refused(FfiHost { size: 24, ..host() }).contains("has 24 bytes"));
}

#[test]
fn a_record_names_the_plugin_that_runs() {
    library(Box::leak(Box::new(host()))).unwrap();
    let first: Option<String> =
        start().call("first", &json!({"texts": ["a", "b"], "type": {}})).unwrap();
    assert_eq!(first.as_deref(), Some("a"));
    assert!(KEPT.lock().unwrap().contains(&"30 machine picking from 2".to_owned()));
}

#[test]
fn calls_work_and_errors_keep_their_kind() {
    let machine = start();
    let joined: (String, Option<u8>) =
        machine.call("join", &json!({"texts": ["a", "b"], "type": 3})).unwrap();
    assert_eq!(joined, ("ab".into(), Some(3)));
    assert_eq!(machine.call::<String>("mood", &json!({})).unwrap(), "very-good");
    assert_eq!(machine.call::<String>("mood", &Value::Null).unwrap(), "very-good");
    assert_eq!(machine.call::<i32>("parse", &"12").unwrap(), 12);

    let failure = machine.call::<String>("mood", &json!({"x": 1})).unwrap_err();
    assert_eq!(failure.to_string(), "invalid_params: params: the action takes none");
    let failure = machine.call::<i32>("parse", &"x").unwrap_err();
    assert_eq!(failure.to_string(), "execution: invalid digit found in string");
    let failure = machine.call::<()>("join", &json!({"texts": [1]})).unwrap_err();
    assert_eq!(failure.code, "invalid_params");
    assert_eq!(failure.detail, r#"{"path":"params.texts[0]"}"#);
    let failure = machine.configure().unwrap_err();
    assert_eq!((failure.code, failure.detail.as_str()), ("not_ready", r#"{"retry_after":2.0}"#));
}

#[test]
fn a_configuration_that_does_not_fit_is_named() {
    let refused = |config| Harness::<Machine>::start(&config).unwrap_err();
    let failure = refused(json!({"options": {"apiKey": ""}}));
    assert_eq!((failure.code, failure.detail.as_str()), ("config", r#"{"hint":"Get one."}"#));
    let failure = refused(json!({"options": {"apiKey": "k", "mod": 1}}));
    assert_eq!(failure.message, "config.options.mod: unknown; the known ones are apiKey, mood");
    assert_eq!(refused(json!({})).message, "config: options: missing field `apiKey`");
}

#[test]
fn a_panic_poisons_until_the_next_start() {
    let mut machine = start();
    assert!(machine.health().unwrap());
    let failure = machine.call::<()>("break_down", &2).unwrap_err();
    assert_eq!(failure.to_string(), "panic: broke down with 2");
    let detail: serde_json::Value = serde_json::from_str(&failure.detail).unwrap();
    assert!(detail["location"].as_str().unwrap().contains("border.rs:"), "{detail}");

    let failure = machine.health().unwrap_err();
    assert_eq!(failure.to_string(), "state: it has panicked before");
    machine.initialize(&json!({"options": {"apiKey": "k"}})).unwrap();
    assert!(machine.health().unwrap());
    let failure = machine.call::<()>("break_down", &1).unwrap_err();
    assert_eq!(failure.message, "a panic without a text");
    machine.cleanup().unwrap();
    assert_eq!(machine.health().unwrap_err().message, "it is not initialized");
}

#[test]
fn the_lifecycle_has_its_order() {
    let mut machine = Harness::<Machine>::new();
    assert_eq!(machine.health().unwrap_err().code, "state");
    assert!(!machine.is_configured().unwrap());
    machine.cleanup().unwrap();
    let config = json!({"enabled": true, "options": {"apiKey": "k"}});
    machine.initialize(&config).unwrap();
    assert_eq!(machine.initialize(&config).unwrap_err().code, "state");
    assert!(machine.is_configured().unwrap());
    machine.call::<()>("break_down", &0).unwrap();
    assert!(!machine.health().unwrap());
    assert_eq!(machine.cleanup().unwrap_err().message, "broken, once");
    machine.cleanup().unwrap();
    machine.initialize(&json!({"options": {"apiKey": "panic"}})).unwrap();
    assert_eq!(machine.cleanup().unwrap_err().code, "panic");
    machine.cleanup().unwrap();
}

#[test]
fn an_action_plugin_says_whether_it_can_read_its_parameters() {
    let count = Harness::<Count>::start(&Value::Null).unwrap();
    assert_eq!(count.call::<usize>("execute", &[1, 2]).unwrap(), 2);
    assert!(count.validate(&[1, 2]).unwrap().is_empty());
    assert_eq!(count.validate(&[300]).unwrap(), ["params[0]: expected u8, got integer `300`"]);
}
