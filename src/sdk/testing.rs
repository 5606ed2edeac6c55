//! A small test kit: runs a plugin as a host does, through its exported table.
//!
//! ```
//! # use zerepy_plugin::{Value, plugin};
//! # struct Echo;
//! # /// Gives back what it gets.
//! # #[plugin(connection, name = "echo")]
//! # impl Echo {
//! #     fn initialize() -> Self { Self }
//! #     /// Gives it back.
//! #     #[action]
//! #     fn echo(&self, params: Value) -> Value { params }
//! # }
//! use zerepy_plugin::testing::Harness;
//!
//! let mut echo = Harness::<Echo>::start(&Value::Null)?;
//! let answer: Value = echo.call("echo", &("a", 1.5))?;
//! assert_eq!(answer, Value::Tuple(vec![Value::Str("a".into()), Value::Float(1.5)]));
//! echo.cleanup()?;
//! # Ok::<(), zerepy_plugin::testing::Failure>(())
//! ```

#[cfg(feature = "async")]
mod completion;
#[cfg(feature = "async")]
mod stream;
#[cfg(feature = "async")]
mod task;

use std::fmt;
use std::marker::PhantomData;
use std::ptr;

use serde::{Serialize, de::DeserializeOwned};
use zerepy_plugin_abi::{
    ActionIndex, FfiError, FfiOwnedTape, FfiPlugin, FfiSlice, FfiTape, Instance, Status, code,
    status,
};

use crate::codec::{Payload, Tape};
use crate::descriptor::ActionDescriptor;
#[cfg(feature = "async")]
use crate::descriptor::Exec;
use crate::export::{Exported, install_panic_hook, table};

#[cfg(feature = "async")]
pub use stream::Items;

/// An instance of the plugin `P`. Every call goes through the table that a host would use.
///
/// It panics only where the test itself is wrong: for an action or a function that is not there.
pub struct Harness<P: Exported> {
    table: FfiPlugin,
    instance: Instance,
    plugin: PhantomData<P>,
}

/// An error as the host receives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind of error it is, in the host's words: `execution`, `invalid_params`, `config`,
    /// `not_ready`, `panic` or `state`.
    pub code: &'static str,
    /// What went wrong.
    pub message: String,
    /// A JSON object with more, or empty.
    pub detail: String,
}

/// Why a required function can be expected.
const REQUIRED: &str = "the table of an exported plugin has it";

type Take = unsafe extern "C" fn(Instance, *const FfiTape, *mut FfiError) -> Status;
type Question = unsafe extern "C" fn(Instance, *mut FfiError) -> Status;
type Call = unsafe extern "C" fn(
    Instance,
    ActionIndex,
    *const FfiTape,
    *mut FfiOwnedTape,
    *mut FfiError,
) -> Status;

#[expect(clippy::missing_panics_doc, reason = "only where the test is wrong, as said above")]
impl<P: Exported> Harness<P> {
    /// Makes an instance that is not initialized yet.
    #[must_use]
    pub fn new() -> Self {
        install_panic_hook();
        let (table, mut instance) = (table::<P>(), ptr::null_mut());
        let create = table.create.expect(REQUIRED);
        // SAFETY: a place for the instance; no error is needed.
        unsafe { create(&raw mut instance, ptr::null_mut()) };
        Self { table, instance, plugin: PhantomData }
    }

    /// Makes an instance and initializes it with `config`: the manifest's `config` object.
    pub fn start(config: &impl Serialize) -> Result<Self, Failure> {
        let mut harness = Self::new();
        harness.initialize(config)?;
        Ok(harness)
    }

    /// Initializes the instance, or does so again.
    pub fn initialize(&mut self, config: &impl Serialize) -> Result<(), Failure> {
        let initialize = self.table.initialize.expect(REQUIRED);
        let config = encode(config);
        // SAFETY: our own instance, a tape that lives until the end of the call.
        attempt(|error| unsafe { initialize(self.instance, &config.as_ffi(), error) })?;
        Ok(())
    }

    /// Cleans the instance up.
    pub fn cleanup(&mut self) -> Result<(), Failure> {
        let cleanup = self.table.cleanup.expect(REQUIRED);
        // SAFETY: our own instance, which nobody else uses.
        attempt(|error| unsafe { cleanup(self.instance, error) })?;
        Ok(())
    }

    /// Performs the action of that name, and waits for it if it is async.
    pub fn call<R: DeserializeOwned>(
        &self,
        action: &str,
        params: &impl Serialize,
    ) -> Result<R, Failure> {
        let (index, found) = find::<P>(action);
        #[cfg(feature = "async")]
        match found.exec {
            Exec::Async => {
                let params = encode(params);
                let result = task::perform(&self.table, self.instance, index, &params);
                return result.map(|result| decode(&result));
            }
            Exec::Stream => panic!("the action {action:?} yields items: use `stream`"),
            Exec::Inline | Exec::Blocking => {}
        }
        let _ = found;
        self.exchange(self.table.call.expect(REQUIRED), index, params)
    }

    /// Opens the stream action of that name: an iterator that asks for an item, and waits for it,
    /// at each step. Dropping it closes the stream, and waits until the plugin's side is gone.
    #[cfg(feature = "async")]
    pub fn stream<R: DeserializeOwned>(
        &self,
        action: &str,
        params: &impl Serialize,
    ) -> Result<Items<'_, R>, Failure> {
        let (index, _) = find::<P>(action);
        Items::open(&self.table, self.instance, index, &encode(params))
    }

    /// The problems that an action plugin has with `params`.
    pub fn validate(&self, params: &impl Serialize) -> Result<Vec<String>, Failure> {
        self.exchange(self.table.validate.expect("the plugin validates"), 0, params)
    }

    /// Whether the plugin has what it needs to work.
    pub fn is_configured(&self) -> Result<bool, Failure> {
        self.ask(self.table.is_configured)
    }

    /// Sets the plugin up.
    pub fn configure(&self) -> Result<bool, Failure> {
        self.ask(self.table.configure)
    }

    /// Whether the plugin is well.
    pub fn health(&self) -> Result<bool, Failure> {
        self.ask(self.table.health)
    }

    /// What the plugin wants to remember.
    pub fn save_state<R: DeserializeOwned>(&self) -> Result<R, Failure> {
        let save = self.table.save_state.expect("the plugin remembers something");
        let mut state = FfiOwnedTape::empty();
        // SAFETY: our own instance, and places for state and error.
        attempt(|error| unsafe { save(self.instance, &raw mut state, error) })?;
        Ok(decode(&state))
    }

    /// Gives the plugin what it saved in an earlier run.
    pub fn load_state(&self, state: &impl Serialize) -> Result<(), Failure> {
        self.give(self.table.load_state, state)
    }

    /// Gives the plugin another configuration while it runs.
    pub fn reconfigure(&self, config: &impl Serialize) -> Result<(), Failure> {
        self.give(self.table.reconfigure, config)
    }

    fn give(&self, take: Option<Take>, value: &impl Serialize) -> Result<(), Failure> {
        let take = take.expect("the plugin has the function that is asked for");
        let given = encode(value);
        // SAFETY: our own instance, a tape that lives until the end of the call, and a place for the
        // error.
        attempt(|error| unsafe { take(self.instance, &given.as_ffi(), error) }).map(drop)
    }

    fn ask(&self, question: Option<Question>) -> Result<bool, Failure> {
        let question = question.expect("the plugin has the function that is asked for");
        // SAFETY: our own instance, and a place for the error.
        let answer = attempt(|error| unsafe { question(self.instance, error) })?;
        Ok(answer == status::YES)
    }

    fn exchange<R: DeserializeOwned>(
        &self,
        call: Call,
        action: ActionIndex,
        params: &impl Serialize,
    ) -> Result<R, Failure> {
        let params = encode(params);
        let mut result = FfiOwnedTape::empty();
        // SAFETY: our own instance, a tape that lives until the end of the call, and a place for
        // result and error.
        attempt(|error| unsafe {
            call(self.instance, action, &params.as_ffi(), &raw mut result, error)
        })?;
        Ok(decode(&result))
    }
}

impl<P: Exported> Default for Harness<P> {
    fn default() -> Self {
        Self::new()
    }
}

// Not derived: that would ask the plugin to be `Debug` too.
impl<P: Exported> fmt::Debug for Harness<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Harness").field(&P::DESCRIPTOR.name).finish()
    }
}

impl<P: Exported> Drop for Harness<P> {
    fn drop(&mut self) {
        let destroy = self.table.destroy.expect(REQUIRED);
        // SAFETY: our own instance, once.
        unsafe { destroy(self.instance) };
    }
}

/// The action of that name, and its index.
fn find<P: Exported>(action: &str) -> (ActionIndex, &'static ActionDescriptor) {
    let mut actions = (0..).zip(P::DESCRIPTOR.actions);
    let found = actions.find(|(_, known)| known.name == action);
    found.unwrap_or_else(|| panic!("there is no action {action:?}"))
}

fn encode(value: &impl Serialize) -> Payload {
    Payload::encode(value).unwrap_or_else(|fault| panic!("cannot be sent: {fault}"))
}

/// Reads a result of our own side's, and releases it.
fn decode<R: DeserializeOwned>(result: &FfiOwnedTape) -> R {
    // SAFETY: the tape was written by our own side and is released only below.
    let value = unsafe { Tape::from_ffi(&raw const result.tape) }.and_then(Tape::decode);
    if let Some(release) = result.release {
        // SAFETY: once, with the owner that came with it.
        unsafe { release(result.owner) };
    }
    value.unwrap_or_else(|fault| panic!("the result is of another type: {fault}"))
}

fn attempt(body: impl FnOnce(*mut FfiError) -> Status) -> Result<Status, Failure> {
    let mut error = FfiError::empty();
    let answer = body(&raw mut error);
    if answer == status::FAILED { Err(failure(&error)) } else { Ok(answer) }
}

/// Reads an error of our own side's, and releases it.
fn failure(error: &FfiError) -> Failure {
    let failure = Failure {
        code: word(error.code),
        message: owned_text(error.message),
        detail: owned_text(error.detail),
    };
    if let Some(release) = error.release {
        // SAFETY: once, with the owner that came with it.
        unsafe { release(error.owner) };
    }
    failure
}

fn owned_text(slice: FfiSlice) -> String {
    if slice.len == 0 {
        return String::new();
    }
    // SAFETY: the error was filled in by our own side and is not released yet.
    let bytes = unsafe { std::slice::from_raw_parts(slice.ptr, slice.len) };
    String::from_utf8_lossy(bytes).into_owned()
}

fn word(number: u32) -> &'static str {
    match number {
        code::INVALID_PARAMS => "invalid_params",
        code::CONFIG => "config",
        code::NOT_READY => "not_ready",
        code::PANIC => "panic",
        code::STATE => "state",
        _ => "execution",
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Failure {}
