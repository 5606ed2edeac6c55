//! `#[plugin]`: reads an `impl` block and writes what the border needs to know of it.

mod expand;
mod methods;
mod options;

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::{Error, ItemImpl, Result, Type};

use methods::Methods;
use options::Options;

/// Makes a plugin of the type that `block` is for.
pub(crate) fn expand(options: TokenStream, block: TokenStream) -> Result<TokenStream> {
    let options = Options::parse(options)?;
    let mut block: ItemImpl = syn::parse2(block)
        .map_err(|error| Error::new(error.span(), "#[plugin] stands on an `impl` block"))?;
    check_block(&block)?;
    let methods = Methods::take(&mut block, options.category)?;
    Ok(expand::expand(&options, &block, &methods))
}

fn check_block(block: &ItemImpl) -> Result<()> {
    if let Some((path, _)) = &block.trait_ {
        return Err(Error::new(path.span(), "#[plugin] stands on an `impl` block without a trait"));
    }
    let has_arguments = match &*block.self_ty {
        Type::Path(path) => path.path.segments.iter().any(|segment| !segment.arguments.is_empty()),
        _ => true,
    };
    if has_arguments || !block.generics.params.is_empty() {
        return Err(Error::new(
            block.self_ty.span(),
            "a plugin is a plain type, without lifetimes or generics",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn message(options: TokenStream, items: &TokenStream) -> String {
        expand(options, quote!(impl P { #items })).unwrap_err().to_string()
    }

    fn connection(items: &TokenStream) -> String {
        message(quote!(connection, name = "p"), items)
    }

    #[test]
    fn wrong_options_are_named() {
        let items = TokenStream::new();
        assert_eq!(
            message(quote!(name = "p"), &items),
            "say what it is for: `#[plugin(connection, …)]` or `#[plugin(action, …)]`"
        );
        assert_eq!(message(quote!(connection), &items), "a plugin needs a name: `name = \"…\"`");
        assert_eq!(
            message(quote!(connection, nmae = "p"), &items),
            "unknown option; there are `connection`, `action`, `name`, `version` and `requires`"
        );
        assert_eq!(
            message(quote!(action, name = "a b"), &items),
            "a plugin's name consists of letters, digits, `_` and `-`"
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(
            connection(&quote!(
                #[action]
                fn a(&self) {}
            )),
            "a plugin needs `fn initialize(config: T) -> Result<Self>`"
        );
        assert_eq!(
            connection(&quote!(
                fn initialize() -> Self {
                    P
                }
            )),
            "a connection needs at least one method with `#[action]`"
        );
        let action = message(
            quote!(action, name = "p"),
            &quote!(
                fn initialize() -> Self {
                    P
                }
                #[action]
                fn run(&self) {}
            ),
        );
        assert_eq!(action, "an action plugin has exactly one `#[action]`, named `execute`");
    }

    #[test]
    fn signatures_are_checked() {
        let with = |items: TokenStream| {
            connection(&quote!(fn initialize() -> Self { P } #[action] fn a(&self) {} #items))
        };
        assert_eq!(
            with(quote!(
                #[action]
                fn b(&self, x: u8, y: u8) {}
            )),
            "`b` takes at most one argument: put its parameters into a struct"
        );
        assert_eq!(
            with(quote!(
                #[action]
                fn b(&mut self) {}
            )),
            "`b` takes `&self`: calls share it"
        );
        assert_eq!(
            with(quote!(
                #[action]
                fn b(x: u8) {}
            )),
            "`b` takes `&self`: calls share it"
        );
        assert_eq!(
            with(quote!(
                #[action]
                fn b<T>(&self, x: T) {}
            )),
            "`b` cannot be generic"
        );
        assert_eq!(
            with(quote!(
                #[action(later)]
                fn b(&self) {}
            )),
            "unknown; it is `#[action]`, with `blocking`, `stream`, `spawn` or `idempotent`"
        );
        assert_eq!(
            with(quote!(
                fn cleanup(&self, x: u8) {}
            )),
            "`cleanup` takes only `&self`"
        );
        assert_eq!(
            connection(&quote!(
                fn initialize(&self) {}
                #[action]
                fn a(&self) {}
            )),
            "`initialize` makes the plugin, so it takes no `self`"
        );
    }

    #[test]
    fn only_actions_may_be_async_and_then_not_blocking() {
        let with = |items: TokenStream| {
            connection(&quote!(fn initialize() -> Self { P } #[action] fn a(&self) {} #items))
        };
        for name in ["cleanup", "is_configured", "configure", "health"] {
            let function = quote::format_ident!("{name}");
            let message = with(quote!(async fn #function(&self) {}));
            assert_eq!(message, format!("`{name}` cannot be `async`; only an `#[action]` can"));
        }
        let initialize = connection(&quote!(
            async fn initialize() -> Self {
                P
            }
        ));
        assert_eq!(initialize, "`initialize` cannot be `async`; only an `#[action]` can");
        let validate = message(
            quote!(action, name = "p"),
            &quote!(
                async fn validate(&self, params: &u8) -> Vec<String> {
                    vec![]
                }
            ),
        );
        assert_eq!(validate, "`validate` cannot be `async`; only an `#[action]` can");
        let both = with(quote!(
            #[action(blocking)]
            async fn b(&self) {}
        ));
        assert_eq!(both, "a `blocking` action cannot be `async`: it is one or the other");
        let spawned = with(quote!(
            #[action(spawn)]
            fn b(&self) {}
        ));
        assert_eq!(spawned, "only an `async fn` is spawned; a `blocking` action has a thread");
        let owned = with(quote!(
            #[action]
            async fn b(self) {}
        ));
        assert_eq!(owned, "`b` takes `&self`: calls share it");
    }

    #[test]
    fn async_actions_are_begun_and_others_invoked() {
        let expanded = |action: TokenStream| {
            let block = quote!(impl P { fn initialize() -> Self { P } #action });
            expand(quote!(connection, name = "p"), block).unwrap().to_string()
        };
        let inline = expanded(quote!(
            #[action]
            fn a(&self) {}
        ));
        assert!(!inline.contains("fn begin"), "{inline}");
        let later = expanded(quote!(
            #[action]
            async fn a(&self) {}
        ));
        assert!(later.contains("fn begin") && later.contains("Exec :: Async"), "{later}");
    }

    #[test]
    fn a_stream_says_what_it_yields_and_is_no_async_fn() {
        let with = |action: TokenStream| {
            connection(&quote!(fn initialize() -> Self { P } #[action(stream)] #action))
        };
        let expected = "`b` is a stream: it returns `impl Stream<Item = T> + Send`, or a boxed one";
        assert_eq!(
            with(quote!(
                fn b(&self) -> u8 {}
            )),
            expected
        );
        assert_eq!(
            with(quote!(
                fn b(&self) {}
            )),
            expected
        );
        assert_eq!(
            with(quote!(
                fn b(&self) -> impl Stream {}
            )),
            expected
        );
        assert_eq!(
            with(quote!(
                async fn b(&self) -> impl Stream<Item = u8> {}
            )),
            "a `stream` action is a plain `fn`: what it awaits, its stream awaits"
        );
        assert_eq!(
            with(quote!(
                fn b(self) -> impl Stream<Item = u8> {}
            )),
            "`b` takes `&self`: calls share it"
        );
    }

    #[test]
    fn streams_are_opened_and_described_by_their_items() {
        let expanded = |output: TokenStream| {
            let action = quote!(#[action(stream)] fn a(&self) -> #output {});
            let block = quote!(impl P { fn initialize() -> Self { P } #action });
            expand(quote!(connection, name = "p"), block).unwrap().to_string()
        };
        let schema = "< u8 as :: zerepy_plugin :: Schema > :: SCHEMA";
        for output in [
            quote!(impl Stream<Item = u8> + Send + '_),
            quote!(Pin<Box<dyn futures::Stream<Item = u8> + Send + '_>>),
        ] {
            let plain = expanded(output);
            assert!(plain.contains("fn open") && plain.contains("Exec :: Stream"), "{plain}");
            assert!(plain.contains(schema) && plain.contains("(& item)"), "{plain}");
            assert!(!plain.contains("fn begin"), "{plain}");
        }
        let fallible = expanded(quote!(impl Stream<Item = Result<u8>> + Send));
        assert!(fallible.contains(schema) && fallible.contains("(& item ?)"), "{fallible}");
    }

    #[test]
    fn the_host_is_the_last_argument_of_initialize() {
        let expanded = |initialize: TokenStream| {
            let block = quote!(impl P { #initialize #[action] fn a(&self) {} });
            expand(quote!(connection, name = "p"), block).map(|code| code.to_string())
        };
        let host = ":: zerepy_plugin :: Host :: current ()";
        let both = expanded(quote!(
            fn initialize(config: C, host: zerepy_plugin::Host) {}
        ));
        let both = both.unwrap();
        assert!(both.contains("read_config (config) ? , ") && both.contains(host), "{both}");
        let alone = expanded(quote!(
            fn initialize(host: Host) {}
        ));
        let alone = alone.unwrap();
        assert!(alone.contains(host) && !alone.contains("read_config"), "{alone}");
        let first = expanded(quote!(
            fn initialize(host: Host, config: C) {}
        ));
        assert!(first.unwrap_err().to_string().contains("at most one argument"));
    }

    #[test]
    fn the_block_must_be_a_plain_one() {
        let options = || quote!(connection, name = "p");
        let message = |block| expand(options(), block).unwrap_err().to_string();
        assert!(message(quote!(impl Clone for P {})).contains("without a trait"));
        assert!(
            message(quote!(
                impl<T> P<T> {}
            ))
            .contains("plain type")
        );
        assert!(
            message(quote!(
                struct P;
            ))
            .contains("stands on an `impl` block")
        );
    }
}
