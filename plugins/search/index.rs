//! The inverted index and its ranking. It knows nothing of plugins and files.

use std::cmp::Ordering;

use foldhash::{HashMap, HashMapExt};
use serde::{Deserialize, Serialize};
use zerepy_plugin::Schema;

use crate::tokens::tokens;

/// How many times a token of the title counts.
const TITLE_WEIGHT: u32 = 3;

/// A text that can be found.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, Schema)]
pub(crate) struct Document {
    /// The document's name, unique in the index.
    pub(crate) id: String,
    /// What is searched, and shown in parts.
    pub(crate) text: String,
    /// What it is about; its words count three times.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) title: Option<String>,
}

/// The parameters of BM25.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    /// How soon repetitions stop counting.
    pub(crate) k1: f64,
    /// How much long documents are held back.
    pub(crate) b: f64,
}

/// A document with its tokens counted, ready to be added.
pub(crate) struct Counted {
    document: Document,
    counts: HashMap<String, u32>,
    length: u64,
}

/// The documents, and for each token where it occurs.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Numbered for ever shorter postings; the number of a removed one is used again.
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    numbers: HashMap<String, u32>,
    /// Ordered by number.
    postings: HashMap<String, Vec<Posting>>,
    total_length: u64,
}

#[derive(Debug)]
struct Entry {
    document: Document,
    length: u64,
}

#[derive(Clone, Copy, Debug)]
struct Posting {
    number: u32,
    count: u32,
}

impl Counted {
    pub(crate) fn new(document: Document) -> Self {
        let mut counts: HashMap<String, u32> = HashMap::new();
        let (mut length, mut lower) = (0, String::new());
        let title = document.title.as_deref().unwrap_or_default();
        for (text, weight) in [(document.text.as_str(), 1), (title, TITLE_WEIGHT)] {
            for (_, token) in tokens(text) {
                token.clone_into(&mut lower);
                lower.make_ascii_lowercase();
                match counts.get_mut(&lower) {
                    Some(count) => *count += weight,
                    None => drop(counts.insert(lower.clone(), weight)),
                }
                length += u64::from(weight);
            }
        }
        Self { document, counts, length }
    }
}

impl Index {
    /// How many documents there are.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The documents, in no order.
    pub(crate) fn documents(&self) -> impl Iterator<Item = &Document> {
        self.entries.iter().flatten().map(|entry| &entry.document)
    }

    /// Adds a document; `true` if it replaced the one with the same id.
    pub(crate) fn insert(&mut self, counted: Counted) -> bool {
        let Counted { document, counts, length } = counted;
        let replaced = self.remove(&document.id);
        let number = self.take_number();
        for (token, count) in counts {
            let postings = self.postings.entry(token).or_default();
            let place = postings.partition_point(|posting| posting.number < number);
            postings.insert(place, Posting { number, count });
        }
        self.total_length += length;
        self.numbers.insert(document.id.clone(), number);
        self.entries[number as usize] = Some(Entry { document, length });
        replaced
    }

    /// Removes a document; `true` if there was one with this id.
    pub(crate) fn remove(&mut self, id: &str) -> bool {
        let Some(number) = self.numbers.remove(id) else { return false };
        let Some(entry) = self.entries[number as usize].take() else { return false };
        self.total_length -= entry.length;
        self.free.push(number);
        for token in Counted::new(entry.document).counts.into_keys() {
            self.remove_posting(&token, number);
        }
        true
    }

    /// The documents that fit best, with their scores, the best one first.
    pub(crate) fn query(
        &self,
        tokens: &[String],
        limit: usize,
        weights: Weights,
    ) -> Vec<(&Document, f64)> {
        let scores = self.scores(tokens, weights);
        let mut hits: Vec<(&Document, f64)> = self
            .entries
            .iter()
            .zip(scores)
            .filter(|(_, score)| *score > 0.0)
            .filter_map(|(entry, score)| Some((&entry.as_ref()?.document, score)))
            .collect();
        if limit < hits.len() {
            if limit > 0 {
                hits.select_nth_unstable_by(limit - 1, better);
            }
            hits.truncate(limit);
        }
        hits.sort_unstable_by(better);
        hits
    }

    /// The score of each number; a document with one of the tokens has more than 0.
    fn scores(&self, tokens: &[String], Weights { k1, b }: Weights) -> Vec<f64> {
        let mut scores = vec![0.0; self.entries.len()];
        let total = float(self.len() as u64);
        let average = float(self.total_length) / total;
        for postings in tokens.iter().filter_map(|token| self.postings.get(token)) {
            let found = float(postings.len() as u64);
            let idf = (1.0 + (total - found + 0.5) / (found + 0.5)).ln();
            for posting in postings {
                let tf = f64::from(posting.count);
                let length = float(self.length(posting.number));
                let norm = k1 * (1.0 - b + b * length / average);
                scores[posting.number as usize] += idf * (tf * (k1 + 1.0) / (tf + norm));
            }
        }
        scores
    }

    fn length(&self, number: u32) -> u64 {
        self.entries[number as usize].as_ref().map_or(0, |entry| entry.length)
    }

    fn take_number(&mut self) -> u32 {
        self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            u32::try_from(self.entries.len() - 1).expect("fewer than 2^32 documents fit in memory")
        })
    }

    fn remove_posting(&mut self, token: &str, number: u32) {
        let Some(postings) = self.postings.get_mut(token) else { return };
        if let Ok(place) = postings.binary_search_by_key(&number, |posting| posting.number) {
            postings.remove(place);
        }
        if postings.is_empty() {
            self.postings.remove(token);
        }
    }
}

/// By falling score, then by rising id.
fn better((a, score_a): &(&Document, f64), (b, score_b): &(&Document, f64)) -> Ordering {
    score_b.total_cmp(score_a).then_with(|| a.id.cmp(&b.id))
}

#[expect(clippy::cast_precision_loss, reason = "exact up to 2^53 tokens")]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    const WEIGHTS: Weights = Weights { k1: 1.2, b: 0.75 };

    fn index(texts: &[(&str, &str)]) -> Index {
        let mut index = Index::default();
        for (id, text) in texts {
            let document = Document { id: (*id).into(), text: (*text).into(), title: None };
            index.insert(Counted::new(document));
        }
        index
    }

    fn ids<'a>(hits: &[(&'a Document, f64)]) -> Vec<&'a str> {
        hits.iter().map(|(document, _)| document.id.as_str()).collect()
    }

    #[test]
    fn the_score_is_the_formula() {
        let index = index(&[("a", "red fish red"), ("b", "blue fish"), ("c", "one")]);
        let hits = index.query(&["red".into(), "fish".into()], 10, WEIGHTS);
        let (idf_red, idf_fish) = ((1.0 + 2.5 / 1.5_f64).ln(), (1.0 + 1.5 / 2.5_f64).ln());
        let norm = 1.2 * (1.0 - 0.75 + 0.75 * 3.0 / 2.0);
        let mut score = 0.0;
        score += idf_red * (2.0 * 2.2 / (2.0 + norm));
        score += idf_fish * (1.0 * 2.2 / (1.0 + norm));
        assert_eq!(ids(&hits), ["a", "b"]);
        assert_eq!(hits[0].1.to_bits(), score.to_bits());
    }

    #[test]
    fn equal_scores_are_ordered_by_id_and_cut() {
        let index = index(&[("b", "x"), ("c", "x"), ("a", "x")]);
        assert_eq!(ids(&index.query(&["x".into()], 2, WEIGHTS)), ["a", "b"]);
        assert!(index.query(&["x".into()], 0, WEIGHTS).is_empty());
        assert!(index.query(&["y".into()], 2, WEIGHTS).is_empty());
    }

    #[test]
    fn what_was_removed_leaves_nothing() {
        let mut index = index(&[("a", "x y"), ("b", "y")]);
        assert!(index.remove("a") && !index.remove("a"));
        assert!(index.insert(Counted::new(Document {
            id: "b".into(),
            text: "z".into(),
            title: Some("T".into()),
        })));
        assert_eq!((index.len(), index.total_length), (1, 4));
        let mut tokens: Vec<_> = index.postings.keys().collect();
        tokens.sort();
        assert_eq!(tokens, ["t", "z"]);
    }
}
