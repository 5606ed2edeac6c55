//! What one plugin asks of another: a name and, if it likes, a range of versions.

use std::fmt;
use std::str::FromStr;

use pep440_rs::{Version, VersionSpecifiers};

use crate::names::check_name;
use crate::{Error, ErrorKind, Result};

/// A plugin that another one needs: `db`, or `db>=1.2,<2` with a range as in PEP 440.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    name: String,
    range: VersionSpecifiers,
}

impl Requirement {
    /// The name of the plugin that is needed.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The versions that will do; any if empty.
    #[must_use]
    pub const fn range(&self) -> &VersionSpecifiers {
        &self.range
    }

    /// Whether `version` will do. Pre-releases in the range count; a version that PEP 440 cannot
    /// read is in no range.
    #[must_use]
    pub fn matches(&self, version: &str) -> bool {
        self.range.is_empty()
            || Version::from_str(version).is_ok_and(|version| self.range.contains(&version))
    }
}

impl FromStr for Requirement {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let end = text.find(|c: char| "<>=!~ \t".contains(c)).unwrap_or(text.len());
        let (name, range) = text.split_at(end);
        check_name(name).map_err(|error| unreadable(text, error.message()))?;
        let range = VersionSpecifiers::from_str(range.trim()).map_err(|error| {
            let explained = error.to_string();
            unreadable(text, explained.lines().next().unwrap_or_default().trim_end_matches(':'))
        })?;
        Ok(Self { name: name.to_owned(), range })
    }
}

fn unreadable(text: &str, why: &str) -> Error {
    Error::new(ErrorKind::Dependency, format!("the requirement {text:?} cannot be read: {why}"))
        .with_hint("Write a plugin's name and a range if it matters: \"db\" or \"db>=1.2,<2\"")
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        for (place, specifier) in self.range.iter().enumerate() {
            let comma = if place == 0 { "" } else { "," };
            write!(f, "{comma}{specifier}")?;
        }
        Ok(())
    }
}

/// Whether `version` follows PEP 440, so that it can be compared with a range.
#[must_use]
pub fn is_version(version: &str) -> bool {
    Version::from_str(version).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn requirement(text: &str) -> Requirement {
        text.parse().unwrap()
    }

    #[test]
    fn a_requirement_is_a_name_and_a_range() {
        for (text, shown) in [
            ("db", "db"),
            ("  db >= 1.2 , < 2 ", "db>=1.2,<2"),
            ("my.plugin-x~=1.4", "my.plugin-x~=1.4"),
            ("db==1.*", "db==1.*"),
        ] {
            assert_eq!(requirement(text).to_string(), shown);
        }
    }

    #[test]
    fn ranges_are_those_of_pep_440() {
        for (text, version, matches) in [
            ("db", "anything", true),
            ("db>=1.2,<2", "1.2", true),
            ("db>=1.2,<2", "1.10.3", true),
            ("db>=1.2,<2", "2.0", false),
            ("db>=1.2,<2", "1.2rc1", false),
            ("db>=1.0", "1.2rc1", true),
            ("db==1.*", "1.9", true),
            ("db~=1.4", "2.0", false),
            ("db>=1.2", "two", false),
        ] {
            assert_eq!(requirement(text).matches(version), matches, "{text} {version}");
        }
    }

    #[test]
    fn an_unreadable_one_is_quoted_with_the_shape_expected() {
        let error = "db>1.x!".parse::<Requirement>().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Dependency);
        assert!(error.message().starts_with("the requirement \"db>1.x!\" cannot be read: "));
        assert!(!error.message().contains('\n'), "{error}");
        assert_eq!(
            error.hint(),
            Some("Write a plugin's name and a range if it matters: \"db\" or \"db>=1.2,<2\"")
        );
        for bad in ["", ">=1", "db 1.2", "db>=", "a b"] {
            assert!(bad.parse::<Requirement>().is_err(), "{bad:?}");
        }
    }
}
