//! What counts as a word.

/// The tokens of `text` as they stand there, each with its place in bytes; not lower-cased yet.
pub(crate) fn tokens(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|token| !token.is_empty())
        .map(|token| (token.as_ptr().addr() - text.as_ptr().addr(), token))
}

/// The distinct tokens of `text`, lower-cased, in the order in which they first appear.
pub(crate) fn distinct(text: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for (_, token) in tokens(text) {
        if !found.iter().any(|known| known.eq_ignore_ascii_case(token)) {
            found.push(token.to_ascii_lowercase());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_ascii_letters_and_digits_separates() {
        let found: Vec<_> = tokens("shutil.rm_tree(ünï4)").collect();
        assert_eq!(found, [(0, "shutil"), (7, "rm"), (10, "tree"), (17, "n"), (20, "4")]);
    }

    #[test]
    fn tokens_count_once_whatever_their_case() {
        assert_eq!(distinct("To be, or not to BE"), ["to", "be", "or", "not"]);
    }
}
