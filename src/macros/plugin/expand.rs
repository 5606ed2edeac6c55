//! The generated code: the block as it was, and the implementation of `Exported` beside it.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::visit_mut::{VisitMut, visit_lifetime_mut};
use syn::{Ident, ItemImpl, Lifetime, Type};

use super::methods::{Action, Exec, Function, Methods, Taken};
use super::options::{Category, Options};
use crate::docs::description;

pub(super) fn expand(options: &Options, block: &ItemImpl, methods: &Methods) -> TokenStream {
    let plugin = &block.self_ty;
    let descriptor = descriptor(options, &description(&block.attrs), methods);
    let start = start(methods);
    let (invoke, begin, open) = (invoke(methods), begin(methods), open(methods));
    let validate = validate(options.category, methods);
    let cleanup = hook("CLEANUP", &quote!(()), methods.cleanup.as_ref());
    let is_configured = hook("IS_CONFIGURED", &quote!(bool), methods.is_configured.as_ref());
    let configure = hook("CONFIGURE", &quote!(bool), methods.configure.as_ref());
    let health = hook("HEALTH", &quote!(bool), methods.health.as_ref());
    let save_state = save_state(methods.save_state.as_ref());
    let load_state = taking("LOAD_STATE", &quote!(read_state), methods.load_state.as_ref());
    let reconfigure = taking("RECONFIGURE", &quote!(read_config), methods.reconfigure.as_ref());
    quote! {
        // The signatures are ours, not the author's.
        #[allow(
            clippy::unused_self,
            clippy::unused_async,
            clippy::needless_pass_by_value,
            clippy::unnecessary_wraps
        )]
        #block

        const _: () = {
            use ::zerepy_plugin::__private as private;

            #[automatically_derived]
            #[allow(clippy::all, clippy::pedantic)]
            impl private::Exported for #plugin {
                const DESCRIPTOR: &'static private::PluginDescriptor = #descriptor;
                #cleanup
                #validate
                #is_configured
                #configure
                #health
                #save_state
                #load_state
                #reconfigure
                #start
                #invoke
                #begin
                #open
            }
        };
    }
}

fn descriptor(options: &Options, description: &str, methods: &Methods) -> TokenStream {
    let Options { name, requires, .. } = options;
    let version = options
        .version
        .as_ref()
        .map_or_else(|| quote!(::core::env!("CARGO_PKG_VERSION")), |version| quote!(#version));
    let category = match options.category {
        Category::Connection => quote!(Connection),
        Category::Action => quote!(Action),
    };
    let config = optional_schema(methods.initialize.argument.as_ref());
    let actions = methods.actions.iter().map(action_descriptor);
    quote! {
        &private::PluginDescriptor {
            name: #name,
            version: #version,
            category: private::Category::#category,
            description: #description,
            requires: &[#(#requires),*],
            config: #config,
            actions: &[#(#actions),*],
        }
    }
}

fn action_descriptor(action: &Action) -> TokenStream {
    let Action { function, description, exec, idempotent, output, .. } = action;
    let name = function.name.to_string();
    let exec = match exec {
        Exec::Inline => quote!(Inline),
        Exec::Blocking => quote!(Blocking),
        Exec::Async => quote!(Async),
        Exec::Stream => quote!(Stream),
    };
    let params = optional_schema(function.argument.as_ref());
    let result = schema(output);
    quote! {
        private::ActionDescriptor {
            name: #name,
            description: #description,
            exec: private::Exec::#exec,
            idempotent: #idempotent,
            params: #params,
            result: #result,
        }
    }
}

fn optional_schema(ty: Option<&Type>) -> TokenStream {
    ty.map_or_else(
        || quote!(::core::option::Option::None),
        |ty| {
            let schema = schema(ty);
            quote!(::core::option::Option::Some(#schema))
        },
    )
}

fn schema(ty: &Type) -> TokenStream {
    let anywhere = without_names(ty);
    quote_spanned!(ty.span()=> <#anywhere as ::zerepy_plugin::Schema>::SCHEMA)
}

/// The type with its lifetimes left to be inferred, as their names belong to the method.
fn without_names(ty: &Type) -> Type {
    struct Unname;

    impl VisitMut for Unname {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            if lifetime.ident != "static" {
                lifetime.ident = Ident::new("_", lifetime.ident.span());
            }
            visit_lifetime_mut(self, lifetime);
        }
    }

    let mut ty = ty.clone();
    Unname.visit_type_mut(&mut ty);
    ty
}

fn start(methods: &Methods) -> TokenStream {
    let arguments = methods.takes.iter().map(|taken| match taken {
        Taken::Config => quote!(private::read_config(config)?),
        Taken::Host => quote!(::zerepy_plugin::Host::current()),
    });
    let plugin = attempt(&methods.initialize, &quote!(Self::initialize(#(#arguments),*)));
    quote! {
        fn start(config: private::Tape<'_>) -> ::zerepy_plugin::Result<Self> {
            let _ = config;
            ::core::result::Result::Ok(#plugin)
        }
    }
}

fn invoke(methods: &Methods) -> TokenStream {
    let arms = arms(
        methods,
        |exec| matches!(exec, Exec::Inline | Exec::Blocking),
        |name, read, refuse, Action { function, .. }| {
            let result = attempt(function, &quote!(self.#name(#read)));
            let encode = quote_spanned!(function.output.span()=> private::encode_result(&result));
            quote! {
                #refuse
                let result = #result;
                #encode
            }
        },
    );
    quote! {
        fn invoke(
            &self,
            action: private::ActionIndex,
            params: private::Tape<'_>,
        ) -> ::zerepy_plugin::Result<private::Payload> {
            match action {
                #(#arms)*
                _ => ::core::result::Result::Err(private::no_action(action)),
            }
        }
    }
}

/// Async actions own the plugin and their parameters, for they outlive the call that begins them.
fn begin(methods: &Methods) -> Option<TokenStream> {
    let arms = arms(
        methods,
        |exec| exec == Exec::Async,
        |name, read, refuse, Action { function, spawn, .. }| {
            // A check of the author's own may take its time, too.
            let leave = (*spawn || refuse.is_some()).then(|| quote!(private::yield_now().await;));
            let result = attempt(function, &quote!(self.#name(#read).await));
            let encode = quote_spanned!(function.output.span()=> private::encode_result(&result));
            quote! {
                ::core::result::Result::Ok(::std::boxed::Box::pin(async move {
                    #leave
                    #refuse
                    let result = #result;
                    #encode
                }))
            }
        },
    );
    (!arms.is_empty()).then(|| {
        quote! {
            fn begin(
                self: ::std::sync::Arc<Self>,
                action: private::ActionIndex,
                params: private::Tape<'_>,
            ) -> ::zerepy_plugin::Result<private::Outcome> {
                const {
                    ::core::assert!(
                        private::ASYNC,
                        "an async action needs the feature `async` of the crate zerepy-plugin"
                    );
                }
                match action {
                    #(#arms)*
                    _ => ::core::result::Result::Err(private::no_action(action)),
                }
            }
        }
    })
}

/// Streams borrow the plugin, so the future that drives one owns both.
fn open(methods: &Methods) -> Option<TokenStream> {
    let arms = arms(
        methods,
        |exec| exec == Exec::Stream,
        |name, read, refuse, Action { function, output, fallible_items, .. }| {
            let stream = attempt(function, &quote!(self.#name(#read)));
            let item = if *fallible_items { quote!(item?) } else { quote!(item) };
            let encode = quote_spanned!(output.span()=> private::encode_result(&#item));
            let take =
                quote_spanned!(function.output.span()=> items.take_from(stream, |item| #encode));
            quote! {
                ::core::result::Result::Ok(::std::boxed::Box::new(
                    move |items: private::Items| ::std::boxed::Box::pin(async move {
                        #refuse
                        let stream = #stream;
                        #take.await
                    })
                ))
            }
        },
    );
    (!arms.is_empty()).then(|| {
        quote! {
            private::with_async! {
                fn open(
                    self: ::std::sync::Arc<Self>,
                    action: private::ActionIndex,
                    params: private::Tape<'_>,
                ) -> ::zerepy_plugin::Result<private::Producer> {
                    match action {
                        #(#arms)*
                        _ => ::core::result::Result::Err(private::no_action(action)),
                    }
                }
            }
        }
    })
}

/// For each action that is called so, reading its parameters and what `body` makes of them: it gets
/// what refuses them, to put where it may take its time.
fn arms(
    methods: &Methods,
    wanted: impl Fn(Exec) -> bool,
    body: impl Fn(&Ident, Option<TokenStream>, Option<&TokenStream>, &Action) -> TokenStream,
) -> Vec<TokenStream> {
    let refuse = methods.validate.as_ref().map(|function| {
        let problems = attempt(function, &quote!(self.validate(&params)));
        quote!(private::refuse(&#problems)?;)
    });
    let actions = methods.actions.iter().zip(0u32..).filter(|(action, _)| wanted(action.exec));
    let arm = |(action, index): (&Action, u32)| {
        let function = &action.function;
        let (check, read, refuse) = match function.argument {
            Some(_) => {
                let check = quote!(let params = private::read_params(params)?;);
                (check, Some(quote!(params)), refuse.as_ref())
            }
            None => (quote!(private::no_params(params)?;), None, None),
        };
        let body = body(&function.name, read, refuse, action);
        quote!(#index => { #check #body })
    };
    actions.map(arm).collect()
}

/// An action plugin whose action takes parameters can always say whether they are readable.
fn validate(category: Category, methods: &Methods) -> Option<TokenStream> {
    let argument = methods.actions.first()?.function.argument.as_ref()?;
    if category == Category::Connection {
        return None;
    }
    let params = without_names(argument);
    let problems = methods.validate.as_ref().map_or_else(
        || quote!(::std::vec::Vec::new()),
        |function| attempt(function, &quote!(plugin.validate(params))),
    );
    Some(quote! {
        const VALIDATE: ::core::option::Option<private::Check<Self>> =
            ::core::option::Option::Some(|plugin, tape| {
                let _ = plugin;
                private::read_problems::<#params>(tape, |params| {
                    let _ = params;
                    ::core::result::Result::Ok(#problems)
                })
            });
    })
}

/// An optional function that takes only the plugin.
fn hook(constant: &str, output: &TokenStream, function: Option<&Function>) -> Option<TokenStream> {
    let function = function?;
    let (name, constant) = (&function.name, Ident::new(constant, function.name.span()));
    let answer = attempt(function, &quote!(plugin.#name()));
    Some(quote! {
        const #constant: ::core::option::Option<fn(&Self) -> ::zerepy_plugin::Result<#output>> =
            ::core::option::Option::Some(|plugin| ::core::result::Result::Ok(#answer));
    })
}

/// Whatever the plugin wants to remember.
fn save_state(function: Option<&Function>) -> Option<TokenStream> {
    let function = function?;
    let name = &function.name;
    let state = attempt(function, &quote!(plugin.#name()));
    let encode = quote_spanned!(function.output.span()=> private::encode_result(&#state));
    Some(quote! {
        const SAVE_STATE: ::core::option::Option<
            fn(&Self) -> ::zerepy_plugin::Result<private::Payload>,
        > = ::core::option::Option::Some(|plugin| #encode);
    })
}

/// An optional function that takes what `read` reads.
fn taking(constant: &str, read: &TokenStream, function: Option<&Function>) -> Option<TokenStream> {
    let function = function?;
    let (name, constant) = (&function.name, Ident::new(constant, function.name.span()));
    let take = attempt(function, &quote!(plugin.#name(private::#read(tape)?)));
    Some(quote! {
        const #constant: ::core::option::Option<private::Taking<Self>> =
            ::core::option::Option::Some(|plugin, tape| {
                #take;
                ::core::result::Result::Ok(())
            });
    })
}

/// The call, and the way out if it fails.
fn attempt(function: &Function, call: &TokenStream) -> TokenStream {
    if function.fallible { quote!(#call?) } else { call.clone() }
}
