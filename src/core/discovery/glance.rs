//! What plugin a Python source defines, seen without running it.
//!
//! A glance is either right or not sure: whatever could make an import find something else, makes
//! it not sure. It does not say that the import will succeed.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::body;
use super::lines::{Line, Token, lines};
use crate::names::check_name;
use crate::{Category, is_version};

/// What a glance at a source tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Seen {
    /// It defines this plugin, and no other.
    Plugin(Glimpse),
    /// It defines no plugin.
    Nothing,
    /// Only importing it can tell.
    Unsure,
}

/// A plugin that was seen without running it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Glimpse {
    /// The plugin's name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What it is.
    pub category: Category,
}

/// Names by which code can change names or classes elsewhere; a source with one of them is not
/// judged.
const REACHING_OUT: [&str; 17] = [
    "global",
    "exec",
    "eval",
    "locals",
    "vars",
    "globals",
    "setattr",
    "modules",
    "import_module",
    "__import__",
    "_getframe",
    "f_globals",
    "__bases__",
    "abstractmethod",
    "__build_class__",
    "__builtins__",
    "__dict__",
];
const BASES_MODULES: [&str; 2] = ["zerepy_plugins", "zerepy_plugins.base"];
const BASES: [&str; 3] = ["ConnectionPlugin", "ActionPlugin", "PluginBase"];
/// What may be called or decorate in a module without a plugin coming of it.
const TAME_CALLS: [&str; 24] = [
    "logging.getLogger",
    "getLogger",
    "TypeVar",
    "re.compile",
    "os.getenv",
    "os.environ.get",
    "Path",
    "frozenset",
    "set",
    "dict",
    "list",
    "tuple",
    "object",
    "int",
    "float",
    "str",
    "dataclass",
    "dataclasses.dataclass",
    "lru_cache",
    "functools.lru_cache",
    "cache",
    "contextmanager",
    "asynccontextmanager",
    "unique",
];
/// Where classes come from that are no plugins, nor make them.
const TAME_MODULES: [&str; 10] = [
    "abc",
    "collections",
    "dataclasses",
    "enum",
    "json",
    "logging",
    "pydantic",
    "threading",
    "typing",
    "typing_extensions",
];
const TAME_BUILTINS: [&str; 14] = [
    "object",
    "dict",
    "list",
    "set",
    "frozenset",
    "str",
    "int",
    "float",
    "tuple",
    "bytes",
    "Exception",
    "ValueError",
    "RuntimeError",
    "LookupError",
];
/// Before a bracket these make no call.
const OPERATORS: [&str; 7] = ["in", "not", "and", "or", "is", "if", "else"];
/// Names of a module that may be set without changing what its classes are.
const TAME_DUNDERS: [&str; 4] = ["__all__", "__version__", "__author__", "__license__"];

/// Looks at a source. `is_package` is whether it is one of a package's files: then what it imports
/// from beside itself counts as its own.
pub(super) fn glance(source: &[u8], is_package: bool) -> Seen {
    let seen = std::str::from_utf8(source).ok().and_then(|source| {
        let source = source.strip_prefix('\u{feff}').unwrap_or(source);
        if source.contains('\0') || has_cookie(source) {
            return None;
        }
        let lines = lines(source)?;
        let reaches_out = |token: &Token<'_>| match token {
            Token::Name(name) => REACHING_OUT.contains(name),
            _ => false,
        };
        if lines.iter().flat_map(|line| &line.tokens).any(reaches_out) {
            return None;
        }
        Some(Module::new(&lines, is_package)?.seen())
    });
    seen.unwrap_or(Seen::Unsure)
}

/// Whether it may say that it is in another encoding.
fn has_cookie(source: &str) -> bool {
    source.lines().take(2).any(|line| line.contains('#') && line.contains("coding"))
}

#[cfg(test)]
mod tests;

struct Module<'a> {
    /// Where each imported name comes from: a module, and what of it.
    imports: HashMap<&'a str, (String, &'a str)>,
    /// Names bound in any other way.
    defined: HashSet<&'a str>,
    /// Classes that are surely no plugins.
    others: HashSet<&'a str>,
    /// The class that is one, and what was seen of it.
    plugin: Option<(&'a str, Glimpse)>,
    is_package: bool,
}

impl<'a> Module<'a> {
    /// Reads all statements; `None` if one of them may do anything.
    fn new(lines: &[Line<'a>], is_package: bool) -> Option<Self> {
        let mut module = Self {
            imports: HashMap::new(),
            defined: HashSet::new(),
            others: HashSet::new(),
            plugin: None,
            is_package,
        };
        let (mut rest, mut decorated) = (lines, false);
        while let Some((line, after)) = rest.split_first() {
            let length = after.iter().take_while(|line| !line.indent.is_empty()).count();
            let (block, next) = after.split_at(length);
            decorated = module.statement(line, block, decorated)?;
            rest = next;
        }
        module.is_settled(lines).then_some(module)
    }

    /// Takes one statement in; whether it is a decorator of the next.
    fn statement(&mut self, line: &Line<'a>, block: &[Line<'a>], decorated: bool) -> Option<bool> {
        let tokens = line.tokens.as_slice();
        if !line.indent.is_empty() || tokens.contains(&Token::Op(b';')) {
            return None;
        }
        match tokens {
            [Token::Op(b'@'), decorator @ ..] => {
                // One without brackets is called as well.
                self.is_tame_call(decorator, path_length(decorator)).then_some(())?;
                return self.is_tame(decorator).then_some(true);
            }
            [Token::Name("class"), Token::Name(name), rest @ ..] => {
                self.class(name, rest, block, decorated)?;
            }
            [Token::Name("async"), Token::Name("def"), Token::Name(name), rest @ ..]
            | [Token::Name("def"), Token::Name(name), rest @ ..] => {
                self.is_tame(rest).then_some(())?;
                self.defined.insert(name);
            }
            _ if decorated => return None,
            [Token::Name("from"), rest @ ..] if block.is_empty() => self.from(rest)?,
            [Token::Name("import"), rest @ ..] if block.is_empty() => self.import(rest)?,
            [Token::Name("if"), rest @ ..] => self.never(rest)?,
            [Token::Name("pass") | Token::Text(_) | Token::Quoted] => {}
            [Token::Name(name), Token::Op(b'=' | b':' | b'+' | b'|'), ..] if block.is_empty() => {
                self.assignment(name, tokens)?;
            }
            _ => return None,
        }
        Some(false)
    }

    fn assignment(&mut self, name: &'a str, tokens: &[Token<'a>]) -> Option<()> {
        let is_keyword = ["try", "else", "finally", "lambda", "match", "type"].contains(&name);
        let is_special = name.starts_with("__") && !TAME_DUNDERS.contains(&name);
        if is_keyword
            || is_special
            || tokens[1] == Token::Op(b'=') && tokens.get(2) == Some(&Token::Op(b'='))
        {
            return None;
        }
        if assignments(tokens) > 1 || !self.is_tame(tokens) {
            return None;
        }
        self.defined.insert(name);
        Some(())
    }

    /// A block that is never run when the module is imported.
    fn never(&self, condition: &[Token<'a>]) -> Option<()> {
        match condition {
            [
                Token::Name("__name__"),
                Token::Op(b'='),
                Token::Op(b'='),
                Token::Text("__main__"),
                Token::Op(b':'),
                ..,
            ] => Some(()),
            [Token::Name(name @ "TYPE_CHECKING"), Token::Op(b':'), ..] => {
                let (module, original) = self.imports.get(name)?;
                (module == "typing" && *original == "TYPE_CHECKING").then_some(())
            }
            _ => None,
        }
    }

    fn from(&mut self, tokens: &[Token<'a>]) -> Option<()> {
        let at = tokens.iter().position(|token| *token == Token::Name("import"))?;
        let module = dotted(&tokens[..at])?;
        if module.starts_with('.') && self.is_package || module.starts_with("zerepy_plugins_loaded")
        {
            return None;
        }
        let names = tokens[at + 1..].iter();
        let names: Vec<_> =
            names.filter(|token| !matches!(token, Token::Op(b'(' | b')'))).copied().collect();
        let mut items = names.split(|token| *token == Token::Op(b',')).peekable();
        while let Some(item) = items.next() {
            let (original, local) = match item {
                [Token::Name(name)] => (name, name),
                [Token::Name(name), Token::Name("as"), Token::Name(local)] => (name, local),
                [] if items.peek().is_none() => break,
                _ => return None,
            };
            if local.starts_with("__")
                || self.imports.insert(local, (module.clone(), original)).is_some()
            {
                return None;
            }
        }
        Some(())
    }

    fn import(&mut self, tokens: &[Token<'a>]) -> Option<()> {
        for item in tokens.split(|token| *token == Token::Op(b',')) {
            let local = match item {
                [Token::Name(name)] => name,
                [Token::Name(name), Token::Op(b'.'), .., Token::Name(last)] => {
                    match item[..item.len() - 1].last() {
                        Some(Token::Name("as")) => last,
                        _ => name,
                    }
                }
                [Token::Name(_), Token::Name("as"), Token::Name(local)] => local,
                _ => return None,
            };
            self.imports.insert(local, ((*local).to_owned(), ""));
        }
        Some(())
    }

    fn class(
        &mut self,
        name: &'a str,
        head: &[Token<'a>],
        block: &[Line<'a>],
        decorated: bool,
    ) -> Option<()> {
        let (bases, inline) = match head {
            [Token::Op(b':'), inline @ ..] => (&[][..], inline),
            [Token::Op(b'('), rest @ ..] => {
                let end = closing(rest)?;
                let (Token::Op(b':'), inline) = rest[end + 1..].split_first()? else { return None };
                (&rest[..end], inline)
            }
            _ => return None,
        };
        if !self.defined.insert(name) || self.imports.contains_key(name) {
            return None;
        }
        if let [Token::Name(base)] = bases
            && let Some(category) = self.category(base)
        {
            if decorated || self.plugin.is_some() || !inline.is_empty() {
                return None;
            }
            let (plugin, version) = body::read(block, category)?;
            check_name(&plugin).ok()?;
            is_version(&version).then_some(())?;
            self.plugin = Some((name, Glimpse { name: plugin, version, category }));
            return Some(());
        }
        let no_plugin =
            bases.split(|token| *token == Token::Op(b',')).all(|base| self.is_other(base));
        no_plugin.then(|| self.others.insert(name)).map(drop)
    }

    /// The category of a base class of that name, if it is one of ours.
    fn category(&self, base: &str) -> Option<Category> {
        let (module, original) = self.imports.get(base)?;
        match *original {
            _ if !BASES_MODULES.contains(&module.as_str()) => None,
            "ConnectionPlugin" => Some(Category::Connection),
            "ActionPlugin" => Some(Category::Action),
            _ => None,
        }
    }

    /// Whether what a class extends is surely no plugin.
    fn is_other(&self, base: &[Token<'a>]) -> bool {
        let Some(Token::Name(root)) = base.first() else { return base.is_empty() };
        if base.iter().any(|token| matches!(token, Token::Op(b'=' | b'(' | b'*'))) {
            return false;
        }
        if let Some((module, _)) = self.imports.get(root) {
            return TAME_MODULES.contains(&module.split('.').next().unwrap_or_default());
        }
        self.others.contains(root) || TAME_BUILTINS.contains(root) && !self.defined.contains(root)
    }

    /// Whether an expression calls only what makes no plugins.
    fn is_tame(&self, tokens: &[Token<'a>]) -> bool {
        let binds = tokens.windows(2).any(|two| two == [Token::Op(b':'), Token::Op(b'=')]);
        let opens = |at: &usize| tokens[*at] == Token::Op(b'(');
        !binds
            && (1..tokens.len()).filter(opens).all(|at| match tokens[at - 1] {
                Token::Name(name) if OPERATORS.contains(&name) => true,
                Token::Name(_) => self.is_tame_call(tokens, at),
                Token::Op(byte) => !matches!(byte, b')' | b']' | b'}'),
                _ => false,
            })
    }

    /// Whether the dotted name that ends before `end` may be called.
    fn is_tame_call(&self, tokens: &[Token<'a>], end: usize) -> bool {
        let is_part = |token: &&Token<'_>| matches!(token, Token::Name(_) | Token::Op(b'.'));
        let length = tokens[..end].iter().rev().take_while(is_part).count();
        let callee = &tokens[end - length..end];
        let Some(Token::Name(root)) = callee.first() else { return false };
        let is_known = dotted(callee).is_some_and(|path| TAME_CALLS.contains(&path.as_str()));
        let is_own = self.defined.contains(root);
        let is_relative = self.imports.get(root).is_some_and(|(module, _)| module.starts_with('.'));
        is_known && !is_own && !is_relative
    }

    /// Whether nothing else is done with the plugin's class or its base.
    fn is_settled(&self, lines: &[Line<'a>]) -> bool {
        let count = |name: &str, top: bool| {
            let lines = lines.iter().filter(|line| !top || line.indent.is_empty());
            lines.flat_map(|line| &line.tokens).filter(|token| **token == Token::Name(name)).count()
        };
        let of_ours = |(_, (module, original)): &(&&str, &(String, &str))| {
            BASES_MODULES.contains(&module.as_str()) && BASES.contains(original)
        };
        let mut bases = self.imports.iter().filter(of_ours);
        let used = bases.all(|(local, (_, original))| {
            let is_renamed = local != original;
            let mentions = count(local, false);
            !is_renamed && mentions <= 1 + usize::from(self.plugin.is_some())
        });
        let class = self.plugin.as_ref().is_none_or(|(class, _)| count(class, true) == 1);
        used && class && count("property", true) == 0
    }

    fn seen(self) -> Seen {
        self.plugin.map_or(Seen::Nothing, |(_, plugin)| Seen::Plugin(plugin))
    }
}

/// How many tokens of a decorator are its name.
fn path_length(tokens: &[Token<'_>]) -> usize {
    tokens.iter().take_while(|token| matches!(token, Token::Name(_) | Token::Op(b'.'))).count()
}

/// A dotted name, as text.
fn dotted(tokens: &[Token<'_>]) -> Option<String> {
    tokens.iter().try_fold(String::new(), |path, token| match token {
        Token::Name(name) => Some(path + name),
        Token::Op(b'.') => Some(path + "."),
        _ => None,
    })
}

/// Where the bracket is closed that was opened just before `tokens`.
fn closing(tokens: &[Token<'_>]) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Op(b'(' | b'[' | b'{') => depth += 1,
            Token::Op(b')' | b']' | b'}') if depth == 0 => return Some(at),
            Token::Op(b')' | b']' | b'}') => depth -= 1,
            _ => {}
        }
    }
    None
}

/// How often a statement assigns outside brackets.
pub(super) fn assignments(tokens: &[Token<'_>]) -> usize {
    let (mut depth, mut found) = (0_usize, 0);
    for (at, token) in tokens.iter().enumerate() {
        let beside = |ahead: isize| at.checked_add_signed(ahead).and_then(|at| tokens.get(at));
        let is_comparison = matches!(beside(-1), Some(Token::Op(b'=' | b'<' | b'>' | b'!')))
            || beside(1) == Some(&Token::Op(b'='));
        match token {
            Token::Op(b'(' | b'[' | b'{') => depth += 1,
            Token::Op(b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            Token::Op(b'=') if depth == 0 && !is_comparison => found += 1,
            _ => {}
        }
    }
    found
}
