//! The macros of the `zerepy-plugin` crate, which re-exports them; their documentation is there.
//!
//! They read an author's code and write calls to `::zerepy_plugin::__private`: what happens at run
//! time stands there, not in the generated code.

mod docs;
mod plugin;
mod schema;

use proc_macro::TokenStream;

/// Makes a type a plugin; it stands on an inherent `impl` block without generics.
///
/// ```text
/// /// What the plugin does: its description.
/// #[plugin(connection, name = "search", requires = ["db>=1"])]
/// impl Search { … }
/// ```
///
/// The options are `connection` or `action`, `name`, and optionally `version` (else the crate's)
/// and `requires`. In the block these functions are recognized by their names; each may return its
/// value in a `Result` or as it is:
///
/// - `initialize(config: T) -> Result<Self>` makes a plugin that is ready; required. `T` derives
///   `Deserialize` and `Schema`, and is mostly a `Config<Options>`. Without an argument the plugin
///   takes no configuration.
/// - `cleanup(&self) -> Result<()>` undoes what dropping the plugin does not. After an error it may
///   be called again.
/// - `is_configured(&self) -> bool`, `configure(&self) -> Result<bool>`, `health(&self) -> bool`.
/// - `reconfigure(&self, config: T) -> Result<()>` takes over another configuration while calls may
///   be running, or fails and goes on with the one it has. Without it another instance is made.
/// - `save_state(&self) -> S` says what to remember from one run to the next, `S: Serialize`, and
///   `load_state(&self, state: S) -> Result<()>`, `S: Deserialize`, gets it after `initialize`.
/// - each method with `#[action]` (short; on the caller's thread, with Python's interpreter held)
///   or `#[action(blocking)]` (with the interpreter released) is an action. It takes `&self` and at
///   most one argument that derives `Deserialize` and `Schema`, and may borrow from the call
///   (`Query<'_>`); what it returns is `Serialize` and `Schema`. Its documentation is the
///   action's description.
/// - `#[action(idempotent)]`, also beside `blocking` and `stream`, says that the action may be done
///   twice: the host repeats it if it fails with an error that is `retryable`, as often as the user
///   allows.
/// - an `#[action]` may be an `async fn` with the feature `async`: it is polled once on the caller's
///   thread, with Python's interpreter held, then runs as a task of the library's own tokio runtime,
///   is dropped when its caller gives up, and owns its parameters. An `#[action(spawn)]` only runs
///   as a task, also before its first `.await`: for one that computes or waits for a lock there. So
///   does one whose parameters `validate` looks at first.
/// - a method with `#[action(stream)]` (feature `async`) returns `impl Stream<Item = T> + Send`, or
///   a boxed one, which may borrow from `&self`; `T` may be a `Result`, and the first error ends the
///   stream. It runs like an `async fn`, is polled as its items are asked for, at most one item
///   ahead, and is dropped when its caller stops asking. It owns its parameters.
/// - an action plugin has one action, `execute`, and may have
///   `validate(&self, params: &T) -> Vec<String>`, the problems with its parameters.
#[proc_macro_attribute]
pub fn plugin(options: TokenStream, block: TokenStream) -> TokenStream {
    plugin::expand(options.into(), block.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Describes a struct with named fields, or an enum of names, as JSON Schema.
///
/// Documentation becomes the descriptions. Of serde's attributes it follows `rename`, `rename_all`,
/// `default`, `skip`, `skip_deserializing` and `deny_unknown_fields`; those that change the shape
/// otherwise are errors. A field is required unless it is an `Option` or has a default.
/// `#[schema(secret)]` on a field keeps its value out of logs and errors.
#[proc_macro_derive(Schema, attributes(schema, serde))]
pub fn derive_schema(item: TokenStream) -> TokenStream {
    schema::expand(item.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
