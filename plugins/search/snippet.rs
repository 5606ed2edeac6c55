//! The part of a text that is shown with a hit.

use crate::tokens::tokens;

/// How many characters stand before the word that was found.
const BEFORE_CHARS: usize = 40;
/// How many characters are shown.
const SNIPPET_CHARS: usize = 160;

/// The surroundings of the first of the `wanted` tokens in `text`, or its beginning.
pub(crate) fn snippet(text: &str, wanted: &[String]) -> String {
    let at = tokens(text)
        .find(|(_, token)| wanted.iter().any(|word| word.eq_ignore_ascii_case(token)))
        .map_or(0, |(at, _)| at);
    let begin = text[..at].char_indices().rev().nth(BEFORE_CHARS - 1).map_or(0, |(at, _)| at);
    let rest = &text[begin..];
    let end = rest.char_indices().nth(SNIPPET_CHARS).map_or(rest.len(), |(at, _)| at);
    let before = if begin > 0 { "…" } else { "" };
    let after = if end < rest.len() { "…" } else { "" };
    format!("{before}{}{after}", &rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn around(text: &str, word: &str) -> String {
        snippet(text, &[word.to_owned()])
    }

    #[test]
    fn a_short_text_is_shown_whole() {
        assert_eq!(around("all of it", "it"), "all of it");
        assert_eq!(around("", "it"), "");
    }

    #[test]
    fn it_begins_forty_characters_before_the_word() {
        let exactly = format!("{}word", "ü".repeat(40));
        assert_eq!(around(&exactly, "word"), exactly);
        let more = format!("x{}word", "ü".repeat(40));
        assert_eq!(around(&more, "word"), format!("…{exactly}"));
    }

    #[test]
    fn it_has_no_more_than_its_characters() {
        let exactly = "ü".repeat(160);
        assert_eq!(around(&exactly, "word"), exactly);
        assert_eq!(around(&format!("{exactly}x"), "word"), format!("{exactly}…"));
    }
}
