//! Which functions of the block are the plugin's, and whether they look as they should.

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit_mut::{VisitMut, visit_assoc_type_mut};
use syn::{
    AssocType, Attribute, Error, FnArg, GenericArgument, GenericParam, Ident, ImplItem, ImplItemFn,
    ItemImpl, Meta, PathArguments, ReceiverKind, Result, ReturnType, Signature, Type, parse_quote,
};

use super::options::Category;
use crate::docs::description;

/// The functions that were recognized.
pub(super) struct Methods {
    pub(super) initialize: Function,
    /// What `initialize` takes: its configuration, the host, or both.
    pub(super) takes: Vec<Taken>,
    pub(super) cleanup: Option<Function>,
    pub(super) validate: Option<Function>,
    pub(super) is_configured: Option<Function>,
    pub(super) configure: Option<Function>,
    pub(super) health: Option<Function>,
    pub(super) save_state: Option<Function>,
    pub(super) load_state: Option<Function>,
    pub(super) reconfigure: Option<Function>,
    pub(super) actions: Vec<Action>,
}

/// An argument of `initialize`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Config,
    Host,
}

/// A function as it is called.
pub(super) struct Function {
    pub(super) name: Ident,
    pub(super) argument: Option<Type>,
    /// What it returns, without the `Result` around it.
    pub(super) output: Type,
    /// Whether there is a `Result` around it.
    pub(super) fallible: bool,
}

/// A method with `#[action]`.
pub(super) struct Action {
    pub(super) function: Function,
    pub(super) description: String,
    pub(super) exec: Exec,
    /// Whether it may be done twice.
    pub(super) idempotent: bool,
    /// Whether an async one does nothing on its caller's thread.
    pub(super) spawn: bool,
    /// What it gives back, once or item by item, without the `Result` around it.
    pub(super) output: Type,
    /// Whether there is a `Result` around each item of a stream.
    pub(super) fallible_items: bool,
}

/// How an action is called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Exec {
    Inline,
    Blocking,
    Async,
    Stream,
}

impl Methods {
    /// Finds the plugin's functions, and takes `#[action]` off of them.
    pub(super) fn take(block: &mut ItemImpl, category: Category) -> Result<Self> {
        let span = block.self_ty.span();
        let (mut initialize, mut cleanup, mut validate) = (None, None, None);
        let (mut is_configured, mut configure, mut health) = (None, None, None);
        let (mut save_state, mut load_state, mut reconfigure) = (None, None, None);
        let mut actions = Vec::new();
        for item in &mut block.items {
            let ImplItem::Fn(method) = item else { continue };
            if let Some(attribute) = take_action(&mut method.attrs) {
                actions.push(Action::read(method, &attribute)?);
                continue;
            }
            match method.sig.ident.to_string().as_str() {
                "initialize" => initialize = Some(constructor(&method.sig)?),
                "cleanup" => cleanup = Some(question(&method.sig)?),
                "is_configured" => is_configured = Some(question(&method.sig)?),
                "configure" => configure = Some(question(&method.sig)?),
                "health" => health = Some(question(&method.sig)?),
                "save_state" => save_state = Some(question(&method.sig)?),
                "load_state" => load_state = Some(taking(&method.sig)?),
                "reconfigure" => reconfigure = Some(taking(&method.sig)?),
                "validate" if category == Category::Action => {
                    validate = Some(validation(&method.sig)?);
                }
                _ => {}
            }
        }
        check_actions(&actions, category, span)?;
        let (initialize, takes) = initialize.ok_or_else(|| {
            Error::new(span, "a plugin needs `fn initialize(config: T) -> Result<Self>`")
        })?;
        Ok(Self {
            initialize,
            takes,
            cleanup,
            validate,
            is_configured,
            configure,
            health,
            save_state,
            load_state,
            reconfigure,
            actions,
        })
    }
}

impl Action {
    fn read(method: &ImplItemFn, attribute: &Attribute) -> Result<Self> {
        let Asked { exec, idempotent, spawn } = Asked::read(attribute)?;
        let exec = match (exec, &method.sig.asyncness) {
            (Exec::Blocking, Some(asyncness)) => {
                let message = "a `blocking` action cannot be `async`: it is one or the other";
                return Err(Error::new(asyncness.span, message));
            }
            (Exec::Stream, Some(asyncness)) => {
                let message =
                    "a `stream` action is a plain `fn`: what it awaits, its stream awaits";
                return Err(Error::new(asyncness.span, message));
            }
            (_, Some(_)) => Exec::Async,
            (_, None) if spawn => {
                let message = "only an `async fn` is spawned; a `blocking` action has a thread";
                return Err(Error::new(method.sig.ident.span(), message));
            }
            (exec, None) => exec,
        };
        let signature = Signature { asyncness: None, ..method.sig.clone() };
        let function = shared(&signature)?;
        let (output, fallible_items) = match exec {
            Exec::Stream => items(&function)?,
            _ => (function.output.clone(), false),
        };
        let description = description(&method.attrs);
        Ok(Self { function, description, exec, idempotent, spawn, output, fallible_items })
    }
}

fn take_action(attributes: &mut Vec<Attribute>) -> Option<Attribute> {
    let at = attributes.iter().position(|attribute| attribute.path().is_ident("action"))?;
    Some(attributes.remove(at))
}

/// What the attribute says of the action.
struct Asked {
    exec: Exec,
    idempotent: bool,
    spawn: bool,
}

impl Asked {
    fn read(attribute: &Attribute) -> Result<Self> {
        let mut asked = Self { exec: Exec::Inline, idempotent: false, spawn: false };
        if matches!(attribute.meta, Meta::Path(_)) {
            return Ok(asked);
        }
        attribute.parse_nested_meta(|meta| {
            match meta.path.get_ident().map(Ident::to_string).as_deref() {
                Some("blocking") => asked.exec = Exec::Blocking,
                Some("stream") => asked.exec = Exec::Stream,
                Some("idempotent") => asked.idempotent = true,
                Some("spawn") => asked.spawn = true,
                _ => {
                    return Err(meta.error(
                        "unknown; it is `#[action]`, with `blocking`, `stream`, `spawn` or `idempotent`",
                    ));
                }
            }
            Ok(())
        })?;
        Ok(asked)
    }
}

/// What a stream yields, and whether in a `Result`: what its type says of `Item`.
fn items(function: &Function) -> Result<(Type, bool)> {
    struct Find(Option<Type>);

    impl VisitMut for Find {
        fn visit_assoc_type_mut(&mut self, assoc: &mut AssocType) {
            if assoc.ident == "Item" {
                self.0.get_or_insert_with(|| assoc.ty.clone());
            }
            visit_assoc_type_mut(self, assoc);
        }
    }

    let mut find = Find(None);
    find.visit_type_mut(&mut function.output.clone());
    find.0.map(|item| unwrapped(&item)).ok_or_else(|| {
        let message = format!(
            "`{}` is a stream: it returns `impl Stream<Item = T> + Send`, or a boxed one",
            function.name
        );
        Error::new(function.output.span(), message)
    })
}

fn check_actions(actions: &[Action], category: Category, span: Span) -> Result<()> {
    match (category, actions) {
        (Category::Connection, []) => {
            Err(Error::new(span, "a connection needs at least one method with `#[action]`"))
        }
        (Category::Action, [one]) if one.function.name == "execute" => Ok(()),
        (Category::Action, _) => {
            let span = actions.last().map_or(span, |action| action.function.name.span());
            let message = "an action plugin has exactly one `#[action]`, named `execute`";
            Err(Error::new(span, message))
        }
        (Category::Connection, _) => Ok(()),
    }
}

/// `initialize`: no `self`, at most a configuration, then the host.
fn constructor(signature: &Signature) -> Result<(Function, Vec<Taken>)> {
    if let Some(FnArg::Receiver(receiver)) = signature.inputs.first() {
        let message = "`initialize` makes the plugin, so it takes no `self`";
        return Err(Error::new(receiver.span(), message));
    }
    let mut signature = signature.clone();
    let host = signature.inputs.last().is_some_and(is_host);
    if host {
        signature.inputs.pop();
    }
    let function = function(&signature)?;
    let config = function.argument.as_ref().map(|_| Taken::Config);
    Ok((function, config.into_iter().chain(host.then_some(Taken::Host)).collect()))
}

fn is_host(input: &FnArg) -> bool {
    let FnArg::Typed(argument) = input else { return false };
    let Type::Path(path) = &*argument.ty else { return false };
    path.path.segments.last().is_some_and(|segment| segment.ident == "Host")
}

/// `&self` and at most one argument.
fn shared(signature: &Signature) -> Result<Function> {
    let name = &signature.ident;
    match signature.inputs.first() {
        Some(FnArg::Receiver(receiver))
            if matches!(receiver.kind, ReceiverKind::Reference(_, _, None)) => {}
        _ => {
            return Err(Error::new(name.span(), format!("`{name}` takes `&self`: calls share it")));
        }
    }
    function(signature)
}

/// Just `&self`.
fn question(signature: &Signature) -> Result<Function> {
    let function = shared(signature)?;
    match &function.argument {
        None => Ok(function),
        Some(argument) => {
            let message = format!("`{}` takes only `&self`", function.name);
            Err(Error::new(argument.span(), message))
        }
    }
}

/// `&self` and one argument.
fn taking(signature: &Signature) -> Result<Function> {
    let function = shared(signature)?;
    if function.argument.is_some() {
        return Ok(function);
    }
    let message = format!("`{}` takes `&self` and one argument", function.name);
    Err(Error::new(signature.span(), message))
}

/// `&self` and the parameters by reference.
fn validation(signature: &Signature) -> Result<Function> {
    let function = shared(signature)?;
    if matches!(function.argument, Some(Type::Reference(_))) {
        return Ok(function);
    }
    Err(Error::new(signature.span(), "`validate` takes `&self` and `params: &T`"))
}

fn function(signature: &Signature) -> Result<Function> {
    let name = signature.ident.clone();
    if let Some(asyncness) = &signature.asyncness {
        let message = format!("`{name}` cannot be `async`; only an `#[action]` can");
        return Err(Error::new(asyncness.span, message));
    }
    let is_lifetime = |param: &GenericParam| matches!(param, GenericParam::Lifetime(_));
    if !signature.generics.params.iter().all(is_lifetime) {
        return Err(Error::new(signature.generics.span(), format!("`{name}` cannot be generic")));
    }
    let mut arguments = signature.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(argument) => Some(&*argument.ty),
        FnArg::Receiver(_) => None,
    });
    let argument = arguments.next().cloned();
    if let Some(second) = arguments.next() {
        let message =
            format!("`{name}` takes at most one argument: put its parameters into a struct");
        return Err(Error::new(second.span(), message));
    }
    let (output, fallible) = output(&signature.output);
    Ok(Function { name, argument, output, fallible })
}

/// What a function returns, and whether in a `Result`.
fn output(output: &ReturnType) -> (Type, bool) {
    match output {
        ReturnType::Type(_, ty) => unwrapped(ty),
        ReturnType::Default => (parse_quote!(()), false),
    }
}

/// A type without a `Result` around it, and whether there was one.
fn unwrapped(ty: &Type) -> (Type, bool) {
    let inner = match ty {
        Type::Path(path) => path.path.segments.last().and_then(|segment| {
            let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
            match arguments.args.first() {
                Some(GenericArgument::Type(inner)) if segment.ident == "Result" => Some(inner),
                _ => None,
            }
        }),
        _ => None,
    };
    inner.map_or_else(|| (ty.clone(), false), |inner| (inner.clone(), true))
}
