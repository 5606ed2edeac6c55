//! Names: which are allowed, and which one was probably meant.

use crate::{Error, ErrorKind, Result};

/// How long a plugin's name may be, in characters.
const MAX_NAME_CHARS: usize = 64;
/// How many names a "did you mean" offers.
const MAX_NEAREST: usize = 3;
/// How many names a hint lists before it only counts the rest.
const MAX_LISTED: usize = 10;

/// Checks that `name` may be a plugin's name: 1 to 64 letters, digits, `_`, `-` or `.`.
pub fn check_name(name: &str) -> Result<()> {
    let why = if name.is_empty() {
        "it is empty".to_owned()
    } else if name.chars().count() > MAX_NAME_CHARS {
        format!("it is longer than {MAX_NAME_CHARS} characters")
    } else if let Some(odd) = name.chars().find(|c| !c.is_alphanumeric() && !"_-.".contains(*c)) {
        format!("it contains {odd:?}")
    } else {
        return Ok(());
    };
    Err(Error::new(ErrorKind::Config, format!("{name:?} cannot be a plugin's name: {why}"))
        .with_hint("Use letters, digits, \"_\", \"-\" and \".\""))
}

/// A number of things: "1 call", "2 calls".
pub(crate) fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

/// The candidates that `name` was probably meant to be, nearest first, at most three.
///
/// Case does not count. One slip in three characters is allowed for, but something must be right.
pub fn nearest<I>(name: &str, candidates: I) -> Vec<String>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let wanted = name.to_lowercase();
    let length = wanted.chars().count();
    let allowed = (length / 3).max(1);
    let mut found: Vec<(usize, String)> = candidates
        .into_iter()
        .filter_map(|candidate| {
            let candidate = candidate.as_ref();
            let distance = strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase());
            let longer = length.max(candidate.chars().count());
            (distance <= allowed && distance < longer).then(|| (distance, candidate.to_owned()))
        })
        .collect();
    found.sort();
    found.dedup();
    found.into_iter().take(MAX_NEAREST).map(|(_, candidate)| candidate).collect()
}

/// A hint for a name that is not among `candidates`: what was probably meant, else what there is.
pub fn suggestion<I>(name: &str, candidates: I) -> String
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let known: Vec<String> =
        candidates.into_iter().map(|candidate| candidate.as_ref().to_owned()).collect();
    if known.is_empty() {
        return "There are none".to_owned();
    }
    let near: Vec<String> = nearest(name, &known).iter().map(|near| format!("{near:?}")).collect();
    match near.split_last() {
        Some((last, [])) => format!("Did you mean {last}?"),
        Some((last, others)) => format!("Did you mean {} or {last}?", others.join(", ")),
        None if known.len() > MAX_LISTED => {
            let more = known.len() - MAX_LISTED;
            format!("Known: {} and {more} more", known[..MAX_LISTED].join(", "))
        }
        None => format!("Known: {}", known.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_digits_and_three_signs() {
        for good in ["a", "search", "my_plugin-2.x", "übersetzer", &"x".repeat(64)] {
            assert!(check_name(good).is_ok(), "{good}");
        }
        for (bad, message) in [
            ("", "\"\" cannot be a plugin's name: it is empty"),
            ("*", "\"*\" cannot be a plugin's name: it contains '*'"),
            ("action.*", "\"action.*\" cannot be a plugin's name: it contains '*'"),
            ("a/b", "\"a/b\" cannot be a plugin's name: it contains '/'"),
        ] {
            assert_eq!(check_name(bad).unwrap_err().message(), message);
        }
        assert!(check_name(&"x".repeat(65)).is_err());
    }

    #[test]
    fn the_nearest_come_first_and_case_does_not_count() {
        let known = ["search", "Serach", "sea", "database"];
        assert_eq!(nearest("serach", known), ["Serach", "search"]);
        assert_eq!(nearest("DATABSE", known), ["database"]);
        assert_eq!(nearest("x", ["y", "z"]), Vec::<String>::new());
    }

    #[test]
    fn a_hint_offers_what_was_meant_or_what_there_is() {
        let many: Vec<String> = (0..12).map(|n| format!("plugin{n}")).collect();
        for (name, known, hint) in [
            ("serach", vec!["search", "db"], "Did you mean \"search\"?"),
            ("ab", vec!["aa", "ac"], "Did you mean \"aa\" or \"ac\"?"),
            ("abc", vec!["abd", "abe", "abf", "abg"], "Did you mean \"abd\", \"abe\" or \"abf\"?"),
            ("zzz", vec!["search", "db"], "Known: search, db"),
            ("zzz", vec![], "There are none"),
        ] {
            assert_eq!(suggestion(name, known), hint);
        }
        assert!(suggestion("zzz", many).ends_with("plugin9 and 2 more"));
    }
}
