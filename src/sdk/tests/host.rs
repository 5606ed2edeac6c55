//! What a plugin may ask of its host: of none, and of one that has the log only.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::ffi::c_void;
use std::fmt::Debug;
use std::ptr;
use std::sync::Mutex;

use serde::Serialize;
use serde_json::json;
use zerepy_plugin::testing::Harness;
use zerepy_plugin::{Call, Config, Host, Level, Result, Value, log, plugin};
use zerepy_plugin_abi::{
    ABI_MAJOR, ABI_MINOR, FfiError, FfiHost, FfiLibrary, FfiLogService, FfiSlice, FfiTape, MAGIC,
    Status, extension, status,
};

struct Asker {
    host: Host,
    options: Value,
}

#[plugin(connection, name = "asker")]
impl Asker {
    fn initialize(config: Config<Value>, host: Host) -> Self {
        Self { host, options: config.options }
    }

    /// The kinds of the errors that it gets.
    #[action(blocking)]
    fn ask(&self) -> Vec<String> {
        fn kind<T: Debug>(outcome: Result<T>) -> String {
            outcome.unwrap_err().kind().to_owned()
        }
        let host = &self.host;
        vec![
            kind(host.publish("a", &1)),
            kind(host.subscribe("a", |_| ())),
            kind(host.counter("a")),
            kind(host.gauge("a")),
            kind(host.histogram("a")),
            kind(host.call::<Value>("b", "c", &())),
            kind(Host::current().call::<Value>("b", "c", &())),
        ]
    }

    #[action]
    fn options(&self) -> Value {
        assert!(!Call::current().is_cancelled() && Call::current().deadline().is_none());
        self.options.clone()
    }

    #[action]
    fn log(&self) {
        #[derive(Serialize)]
        struct Fields {
            count: u8,
        }
        log!(Warning, "plain");
        log!(Debug, "{}", unreachable());
        self.host.log(Level::Error, "with fields", &Fields { count: 3 });
    }
}

fn unreachable() -> &'static str {
    panic!("what is not kept is not formatted")
}

struct Plain(Host);

#[plugin(connection, name = "plain")]
impl Plain {
    fn initialize(host: Host) -> Self {
        Self(host)
    }

    #[action]
    fn nothing(&self) {
        self.0.log(Level::Error, "nobody hears", &());
    }
}

zerepy_plugin::export!(Asker, Plain);

unsafe extern "C" {
    fn zerepy_plugin_entry_v1(host: *const FfiHost, error: *mut FfiError) -> *const FfiLibrary;
}

static RECORDS: Mutex<Vec<String>> = Mutex::new(Vec::new());

unsafe extern "C" fn enabled(_: *const FfiHost, level: u32, _: FfiSlice) -> Status {
    if level >= Level::Warning as u32 { status::YES } else { status::OK }
}

unsafe extern "C" fn record(
    _: *const FfiHost,
    level: u32,
    plugin: FfiSlice,
    message: FfiSlice,
    fields: *const FfiTape,
) {
    // SAFETY: it is NULL or lives for the time of the call.
    let nodes = unsafe { fields.as_ref() }.map_or(0, |fields| fields.node_count);
    let line = format!("{level} {} {} {nodes}", text(plugin), text(message));
    RECORDS.lock().unwrap().push(line);
}

fn text(slice: FfiSlice) -> String {
    // SAFETY: the tests pass slices of living texts only.
    let bytes = unsafe { std::slice::from_raw_parts(slice.ptr, slice.len) };
    String::from_utf8(bytes.to_vec()).unwrap()
}

static LOG: FfiLogService =
    FfiLogService { size: 24, reserved: 0, enabled: Some(enabled), record: Some(record) };

/// The context's table is there, but older than what the plugin knows.
static OLD: [u32; 2] = [8, 0];

unsafe extern "C" fn get_extension(_: *const FfiHost, id: FfiSlice) -> *const c_void {
    match text(id).as_str() {
        extension::LOG => (&raw const LOG).cast(),
        extension::CONTEXT => (&raw const OLD).cast(),
        _ => ptr::null(),
    }
}

#[test]
fn what_a_host_does_not_have_is_an_error_and_nothing_worse() {
    let asker = Harness::<Asker>::start(&json!({"options": [1]})).unwrap();
    let ask = || asker.call::<Vec<String>>("ask", &Value::Null).unwrap();
    assert_eq!(ask(), ["not_available"; 7]);
    asker.call::<()>("log", &Value::Null).unwrap();
    let options = asker.call::<Value>("options", &Value::Null).unwrap();
    assert_eq!(options, Value::List(vec![Value::Int(1)]));
    Harness::<Plain>::start(&Value::Null).unwrap().call::<()>("nothing", &Value::Null).unwrap();

    let size = u32::try_from(size_of::<FfiHost>()).unwrap();
    let (magic, abi_major, abi_minor) = (MAGIC, ABI_MAJOR, ABI_MINOR);
    let (log, get_extension) = (None, Some(get_extension as _));
    let host = FfiHost { magic, size, abi_major, abi_minor, log, get_extension };
    // SAFETY: the host is never freed; there is no place for an error.
    let library = unsafe { zerepy_plugin_entry_v1(Box::leak(Box::new(host)), ptr::null_mut()) };
    assert!(!library.is_null());
    assert_eq!(ask(), ["not_available"; 7]);
    asker.call::<()>("log", &Value::Null).unwrap();
    assert_eq!(*RECORDS.lock().unwrap(), ["30 asker plain 0", "40 asker with fields 3"]);
}
