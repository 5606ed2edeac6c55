//! What plugin a Python source defines, seen without running it.
//!
//! A glance is either right or not sure: whatever could make an import find something else, makes
//! it not sure. It does not say that the import will succeed, and takes no account of modules
//! that change a plugin's class behind its back when they are imported themselves.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::body;
use super::lines::{Line, Token, lines};
use crate::names::check_name;
use crate::{Category, is_version};
use known::{
    BASES, BASES_MODULES, COMPOUND, OPERATORS, REACHING_OUT, TAME_BUILTINS, TAME_CALLS,
    TAME_DUNDERS, TAME_HOOKS, TAME_MODULES,
};

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

mod known;
#[cfg(test)]
mod tests;

struct Module<'a> {
    /// Where each imported name comes from: a module, and what of it.
    imports: HashMap<&'a str, (String, &'a str)>,
    /// Names bound in any other way.
    defined: HashSet<&'a str>,
    /// Classes that are surely no plugins.
    others: HashSet<&'a str>,
    /// The class that is one, its base, and what was seen of it.
    plugin: Option<(&'a str, &'a str, Glimpse)>,
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
        let (mut rest, mut decorated, mut run) = (lines, false, Vec::new());
        while let Some((line, after)) = rest.split_first() {
            let length = after.iter().take_while(|line| !line.indent.is_empty()).count();
            let (block, next) = after.split_at(length);
            decorated = module.statement(line, block, decorated)?;
            run.push(line);
            if line.tokens[0] != Token::Name("if") {
                run.extend(block);
            }
            rest = next;
        }
        module.is_settled(&run).then_some(module)
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
                self.define(name)?;
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
        if COMPOUND.contains(&name)
            || tokens[1] == Token::Op(b'=') && tokens.get(2) == Some(&Token::Op(b'='))
        {
            return None;
        }
        if assignments(tokens) > 1 || !self.is_tame(tokens) {
            return None;
        }
        self.define(name)
    }

    /// Takes note of a name, unless it stands for something else that is relied on.
    fn define(&mut self, name: &'a str) -> Option<()> {
        let is_special =
            name.starts_with("__") && !TAME_DUNDERS.contains(&name) && !TAME_HOOKS.contains(&name);
        if is_special || self.imports.contains_key(name) || self.others.contains(name) {
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
        let of_ours = BASES_MODULES.contains(&module.as_str());
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
            let is_module = of_ours && original.starts_with(|first: char| first.is_lowercase());
            if local.starts_with("__")
                || is_module
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
            let Token::Name(root) = item[0] else { return None };
            let is_same = self.imports.get(local).is_none_or(|(known, _)| known == root);
            if local.starts_with("__") || root.starts_with("zerepy_plugins") || !is_same {
                return None;
            }
            self.imports.insert(local, (root.to_owned(), ""));
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
        if self.defined.contains(name) {
            return None;
        }
        self.define(name)?;
        if let [Token::Name(base)] = bases
            && let Some(category) = self.category(base)
        {
            if decorated || self.plugin.is_some() || !inline.is_empty() {
                return None;
            }
            let (plugin, version) = body::read(block, category)?;
            check_name(&plugin).ok()?;
            is_version(&version).then_some(())?;
            self.plugin = Some((name, base, Glimpse { name: plugin, version, category }));
            return Some(());
        }
        let no_plugin =
            bases.split(|token| *token == Token::Op(b',')).all(|base| self.is_other(base));
        if !no_plugin || !(inline.is_empty() || self.is_harmless(inline)) {
            return None;
        }
        self.is_harmless_block(block).then(|| self.others.insert(name)).map(drop)
    }

    /// Whether the statements in a class that is no plugin do nothing but define what is in it.
    fn is_harmless_block(&self, block: &[Line<'a>]) -> bool {
        let Some(indent) = block.first().map(|line| line.indent) else { return true };
        let mut rest = block;
        while let Some((line, after)) = rest.split_first() {
            let length = after.iter().take_while(|line| line.indent.len() > indent.len()).count();
            let (below, next) = after.split_at(length);
            let is_class = line.tokens[0] == Token::Name("class");
            if line.indent != indent
                || !self.is_harmless(&line.tokens)
                || is_class && !self.is_harmless_block(below)
            {
                return false;
            }
            rest = next;
        }
        true
    }

    fn is_harmless(&self, tokens: &[Token<'a>]) -> bool {
        match tokens {
            _ if tokens.contains(&Token::Op(b';')) => false,
            [Token::Op(b'@'), decorator @ ..] => {
                let root = decorator.first();
                let is_own = |token: &Token<'_>| matches!(token, Token::Name(root) if self.defined.contains(root));
                root.is_some_and(|root| !is_own(root)) && self.is_tame(decorator)
            }
            [Token::Name("async"), Token::Name("def"), Token::Name(_), rest @ ..]
            | [Token::Name("def"), Token::Name(_), rest @ ..] => self.is_tame(rest),
            [Token::Name("class"), Token::Name(_), Token::Op(b':'), rest @ ..] => {
                rest.is_empty() || self.is_harmless(rest)
            }
            [Token::Name("pass") | Token::Text(_) | Token::Quoted]
            | [Token::Op(b'.'), Token::Op(b'.'), Token::Op(b'.')] => true,
            [Token::Name(name), Token::Op(b'=' | b':'), ..] => {
                !COMPOUND.contains(name) && assignments(tokens) <= 1 && self.is_tame(tokens)
            }
            _ => false,
        }
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
        let (path, rest) = base.split_at(path_length(base));
        let is_path =
            path.windows(2).all(|two| (two[0] == Token::Op(b'.')) != (two[1] == Token::Op(b'.')));
        let is_plain = rest.is_empty() || rest[0] == Token::Op(b'[');
        if !is_path || !is_plain || base.iter().any(|token| matches!(token, Token::Op(b'=' | b'(')))
        {
            return false;
        }
        if self.imports.contains_key(root) {
            return self.is_of_tame_module(root);
        }
        self.others.contains(root) || TAME_BUILTINS.contains(root) && !self.defined.contains(root)
    }

    fn is_of_tame_module(&self, name: &str) -> bool {
        self.imports.get(name).is_some_and(|(module, _)| {
            TAME_MODULES.contains(&module.split('.').next().unwrap_or_default())
        })
    }

    /// Whether an expression calls only what makes no plugins.
    fn is_tame(&self, tokens: &[Token<'a>]) -> bool {
        let opens = |at: &usize| tokens[*at] == Token::Op(b'(');
        !body::binds_inside(tokens)
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
        let is_tame = !self.imports.contains_key(root) || self.is_of_tame_module(root);
        is_known && !is_own && is_tame
    }

    /// Whether nothing else is done with the plugin's class or its base in what may be run.
    fn is_settled(&self, lines: &[&Line<'a>]) -> bool {
        let count = |name: &str| {
            let tokens = lines.iter().flat_map(|line| &line.tokens);
            tokens.filter(|token| **token == Token::Name(name)).count()
        };
        let of_ours = |(_, (module, original)): &(&&str, &(String, &str))| {
            BASES_MODULES.contains(&module.as_str()) && BASES.contains(original)
        };
        let mut bases = self.imports.iter().filter(of_ours);
        let used = bases.all(|(local, (_, original))| {
            let is_renamed = local != original;
            let is_extended = self.plugin.as_ref().is_some_and(|(_, base, _)| base == local);
            !is_renamed && count(local) <= 1 + usize::from(is_extended)
        });
        let class = self.plugin.as_ref().is_none_or(|(class, ..)| is_only_created(class, lines));
        let top = lines.iter().filter(|line| line.indent.is_empty());
        let property = top.flat_map(|line| &line.tokens).any(|t| *t == Token::Name("property"));
        used && class && !property
    }

    fn seen(self) -> Seen {
        self.plugin.map_or(Seen::Nothing, |(_, _, plugin)| Seen::Plugin(plugin))
    }
}

/// Whether a class is defined, and then mentioned only in functions, to be called.
fn is_only_created(class: &str, lines: &[&Line<'_>]) -> bool {
    let mut defined = 0;
    lines.iter().all(|line| {
        let tokens = &line.tokens;
        let mut mentions = (0..tokens.len()).filter(|at| tokens[*at] == Token::Name(class));
        mentions.all(|at| {
            if line.indent.is_empty() {
                defined += 1;
                return defined == 1;
            }
            tokens.get(at + 1) == Some(&Token::Op(b'('))
        })
    })
}

/// How many tokens of an expression are a dotted name at its beginning.
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
