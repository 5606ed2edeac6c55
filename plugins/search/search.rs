//! The connection `search`.

use std::path::PathBuf;
use std::sync::RwLock;

use serde::{Deserialize, Serialize};
use zerepy_plugin::{Config, Error, Result, Schema, log, plugin};

use crate::index::{Counted, Document, Index, Weights};
use crate::snippet::snippet;
use crate::store;
use crate::tokens::distinct;

/// An index of documents that calls from several threads share.
#[derive(Debug)]
pub struct Search {
    index: RwLock<Index>,
    weights: Weights,
    store: Option<PathBuf>,
}

#[derive(Deserialize, Schema)]
#[serde(default)]
struct Options {
    /// How soon repetitions of a word stop counting; at least 0.
    k1: f64,
    /// How much long documents are held back; from 0 to 1.
    b: f64,
    /// A file that keeps the documents from one run to the next.
    store: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self { k1: 1.2, b: 0.75, store: None }
    }
}

#[derive(Deserialize, Schema)]
struct IndexParams {
    /// The documents to add; one with a known id replaces the older one.
    documents: Vec<Document>,
}

/// What became of the documents.
#[derive(Serialize, Schema)]
struct Indexed {
    added: usize,
    replaced: usize,
    /// How many documents there are now.
    total: usize,
}

#[derive(Deserialize, Schema)]
struct QueryParams<'a> {
    /// The words to look for.
    text: &'a str,
    /// How many hits to give at most; 10 if not given.
    #[serde(default = "ten")]
    limit: usize,
}

/// A document that was found.
#[derive(Serialize, Schema)]
struct Hit {
    id: String,
    title: Option<String>,
    /// How well it fits, compared with other hits of the same query.
    score: f64,
    /// The part of the text around the first word that was found.
    snippet: String,
}

#[derive(Deserialize, Schema)]
struct ForgetParams {
    /// The ids of the documents to remove.
    ids: Vec<String>,
}

/// What became of the documents.
#[derive(Serialize, Schema)]
struct Forgotten {
    removed: usize,
    /// How many documents there are now.
    total: usize,
}

fn ten() -> usize {
    10
}

/// Full-text search over documents, ranked with BM25.
#[plugin(connection, name = "search")]
impl Search {
    fn initialize(config: Config<Options>) -> Result<Self> {
        let Options { k1, b, store } = config.options;
        if !(k1.is_finite() && k1 >= 0.0) {
            return Err(Error::config(format!("options.k1: must be at least 0, and is {k1}")));
        }
        if !(0.0..=1.0).contains(&b) {
            return Err(Error::config(format!("options.b: must be from 0 to 1, and is {b}")));
        }
        let store = store.map(PathBuf::from);
        let mut index = Index::default();
        if let Some(path) = &store {
            for document in store::read(path)? {
                index.insert(Counted::new(document));
            }
            log!(Info, "read {} documents from {}", index.len(), path.display());
        }
        Ok(Self { index: RwLock::new(index), weights: Weights { k1, b }, store })
    }

    fn cleanup(&self) -> Result<()> {
        let Some(path) = &self.store else { return Ok(()) };
        store::write(path, self.index.read()?.documents())
    }

    /// Adds documents to the index, or replaces them.
    #[action(blocking)]
    fn index(&self, params: IndexParams) -> Result<Indexed> {
        if let Some(at) = params.documents.iter().position(|document| document.id.is_empty()) {
            let message = format!("params.documents[{at}].id: must not be empty");
            return Err(Error::invalid_params(message));
        }
        // Counting is the long part, so it is done before anybody has to wait.
        let counted: Vec<_> = params.documents.into_iter().map(Counted::new).collect();
        let count = counted.len();
        let mut index = self.index.write()?;
        let replaced = counted.into_iter().map(|counted| index.insert(counted)).filter(|yes| *yes);
        let replaced = replaced.count();
        Ok(Indexed { added: count - replaced, replaced, total: index.len() })
    }

    /// Finds the documents that fit the text best.
    #[action]
    fn query(&self, params: QueryParams<'_>) -> Result<Vec<Hit>> {
        let tokens = distinct(params.text);
        let index = self.index.read()?;
        let hits = index.query(&tokens, params.limit, self.weights).into_iter();
        let hits = hits.map(|(document, score)| Hit {
            id: document.id.clone(),
            title: document.title.clone(),
            score,
            snippet: snippet(&document.text, &tokens),
        });
        Ok(hits.collect())
    }

    /// Removes documents from the index.
    #[action(blocking)]
    fn forget(&self, params: ForgetParams) -> Result<Forgotten> {
        let mut index = self.index.write()?;
        let removed = params.ids.iter().filter(|id| index.remove(id)).count();
        Ok(Forgotten { removed, total: index.len() })
    }
}
