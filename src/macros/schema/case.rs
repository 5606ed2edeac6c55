//! Serde's `rename_all` rules.

use syn::{Error, LitStr, Result};

/// One of the rules; `Unchanged` is having none.
#[derive(Clone, Copy, Default)]
pub(super) enum Case {
    #[default]
    Unchanged,
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Case {
    pub(super) fn of_rule(rule: &LitStr) -> Result<Self> {
        Ok(match rule.value().as_str() {
            "lowercase" => Self::Lower,
            "UPPERCASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "snake_case" => Self::Snake,
            "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::ScreamingKebab,
            other => return Err(Error::new(rule.span(), format!("unknown rule {other:?}"))),
        })
    }

    /// Renames a field, which is written in snake case.
    pub(super) fn of_field(self, name: &str) -> String {
        match self {
            Self::Unchanged | Self::Lower | Self::Snake => name.to_owned(),
            Self::Upper | Self::ScreamingSnake => name.to_ascii_uppercase(),
            Self::Pascal => pascal(name),
            Self::Camel => lower_first(&pascal(name)),
            Self::Kebab => name.replace('_', "-"),
            Self::ScreamingKebab => name.to_ascii_uppercase().replace('_', "-"),
        }
    }

    /// Renames a variant, which is written in Pascal case.
    pub(super) fn of_variant(self, name: &str) -> String {
        match self {
            Self::Unchanged | Self::Pascal => name.to_owned(),
            Self::Lower => name.to_ascii_lowercase(),
            Self::Upper => name.to_ascii_uppercase(),
            Self::Camel => lower_first(name),
            Self::Snake | Self::ScreamingSnake | Self::Kebab | Self::ScreamingKebab => {
                self.of_field(&snake(name))
            }
        }
    }
}

fn pascal(snake: &str) -> String {
    let mut upper = true;
    let mut name = String::new();
    for character in snake.chars() {
        if character == '_' {
            upper = true;
            continue;
        }
        name.push(if upper { character.to_ascii_uppercase() } else { character });
        upper = false;
    }
    name
}

fn lower_first(name: &str) -> String {
    let mut characters = name.chars();
    characters.next().map_or_else(String::new, |first| {
        format!("{}{}", first.to_ascii_lowercase(), characters.as_str())
    })
}

fn snake(pascal: &str) -> String {
    let mut name = String::new();
    for (at, character) in pascal.char_indices() {
        if at > 0 && character.is_uppercase() {
            name.push('_');
        }
        name.push(character.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rules_are_those_of_serde() {
        let rules = [
            (Case::Unchanged, "max_depth", "MaxDepth"),
            (Case::Lower, "max_depth", "maxdepth"),
            (Case::Upper, "MAX_DEPTH", "MAXDEPTH"),
            (Case::Pascal, "MaxDepth", "MaxDepth"),
            (Case::Camel, "maxDepth", "maxDepth"),
            (Case::Snake, "max_depth", "max_depth"),
            (Case::ScreamingSnake, "MAX_DEPTH", "MAX_DEPTH"),
            (Case::Kebab, "max-depth", "max-depth"),
            (Case::ScreamingKebab, "MAX-DEPTH", "MAX-DEPTH"),
        ];
        for (case, field, variant) in rules {
            assert_eq!(case.of_field("max_depth"), field);
            assert_eq!(case.of_variant("MaxDepth"), variant);
        }
    }
}
