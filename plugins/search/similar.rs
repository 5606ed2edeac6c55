//! The action `similar`: the Sørensen–Dice score on pairs of neighbouring characters.

use foldhash::{HashMap, HashMapExt};
use serde::{Deserialize, Serialize};
use zerepy_plugin::{Schema, plugin};

/// Needs nothing and keeps nothing.
#[derive(Debug)]
pub struct Similar;

#[derive(Deserialize, Schema)]
struct Params<'a> {
    /// The text to compare with.
    text: &'a str,
    /// The texts to compare.
    #[serde(borrow)]
    texts: Vec<&'a str>,
    /// How many to give at most, the most similar ones; 5 if not given.
    #[serde(default = "five")]
    limit: usize,
}

/// One of the texts.
#[derive(Serialize, Schema)]
struct Match<'a> {
    /// Its place in the list, from 0.
    index: usize,
    text: &'a str,
    /// From 0 (nothing in common) to 1 (the same but for case and white space).
    score: f64,
}

fn five() -> usize {
    5
}

/// Says how much texts resemble one text.
#[plugin(action, name = "similar")]
impl Similar {
    fn initialize() -> Self {
        Self
    }

    fn validate(&self, params: &Params<'_>) -> Vec<String> {
        if prepare(params.text).is_empty() {
            return vec!["text: must not be empty".to_owned()];
        }
        Vec::new()
    }

    /// Orders texts by how much they resemble the text.
    #[action(blocking)]
    fn execute<'a>(&self, params: Params<'a>) -> Vec<Match<'a>> {
        let wanted = Prepared::new(params.text);
        let texts = params.texts.into_iter().enumerate();
        let mut matches: Vec<_> = texts
            .map(|(index, text)| Match { index, text, score: wanted.score(&prepare(text)) })
            .collect();
        // The order is stable, so equal scores stay in the order of the list.
        matches.sort_by(|a, b| b.score.total_cmp(&a.score));
        matches.truncate(params.limit);
        matches
    }
}

/// The text that others are compared with.
struct Prepared {
    characters: Vec<char>,
    /// The place in `counts` of each pair of neighbours.
    places: HashMap<(char, char), usize>,
    counts: Vec<usize>,
}

impl Prepared {
    fn new(text: &str) -> Self {
        let characters = prepare(text);
        let (mut places, mut counts) = (HashMap::new(), Vec::new());
        for pair in pairs_of(&characters) {
            let place = *places.entry(pair).or_insert(counts.len());
            if place == counts.len() {
                counts.push(0);
            }
            counts[place] += 1;
        }
        Self { characters, places, counts }
    }

    #[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 characters")]
    fn score(&self, other: &[char]) -> f64 {
        if self.characters == other {
            return 1.0;
        }
        if self.characters.len() < 2 || other.len() < 2 {
            return 0.0;
        }
        let mut left = self.counts.clone();
        let mut shared = 0_usize;
        for place in pairs_of(other).filter_map(|pair| self.places.get(&pair)) {
            if left[*place] > 0 {
                left[*place] -= 1;
                shared += 1;
            }
        }
        (2 * shared) as f64 / (self.characters.len() - 1 + other.len() - 1) as f64
    }
}

/// The characters that count: without ASCII white space, ASCII letters in lower case.
fn prepare(text: &str) -> Vec<char> {
    text.chars()
        .filter(|c| !matches!(c, ' ' | '\t'..='\r'))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

fn pairs_of(characters: &[char]) -> impl Iterator<Item = (char, char)> {
    characters.windows(2).map(|pair| (pair[0], pair[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(a: &str, b: &str) -> f64 {
        Prepared::new(a).score(&prepare(b))
    }

    #[test]
    #[expect(clippy::float_cmp, reason = "the results are exact")]
    fn the_score_is_the_formula() {
        assert_eq!(score("", " \u{b}"), 1.0);
        assert_eq!(score("Hello World", "hello\tworld"), 1.0);
        assert_eq!(score("a", "b"), 0.0);
        assert_eq!(score("night", "nacht"), 2.0 / 8.0);
        assert_eq!(score("aaaa", "aa"), 2.0 / 4.0);
        assert_eq!(score("日本語", "日本"), 2.0 / 3.0);
        assert_eq!(score("a\u{a0}b", "ab"), 0.0);
    }
}
