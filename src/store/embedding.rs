//! Asking the embedder: the vectors of what a batch puts, and of what it searches for.
//!
//! All of it is done before anything is read or written.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;

use crate::embedder::Embedder;
use crate::item_vectors::ItemVectors;
use crate::store::changes::last_written;
use crate::store::ranking::Mode;
use crate::store::{EmbedderProblem, Op, StoreError, StoreOptions};
use crate::text_fields::TextFields;

/// What the embedder has made for a batch.
#[derive(Default)]
pub(super) struct Embedded {
    /// Of items that are put, by the number of their op.
    items: HashMap<usize, ItemVectors>,
    /// By query.
    pub(super) queries: HashMap<String, Vec<f32>>,
}

impl Embedded {
    /// What is needed for `ops`.
    ///
    /// # Errors
    /// [`StoreError::Embedder`], [`StoreError::InvalidNamespace`], [`StoreError::CannotRank`].
    pub(super) async fn of(ops: &[Op], options: &StoreOptions) -> Result<Self, StoreError> {
        let mut embedded = Self::default();
        let Some(embedder) = options.embeds_with() else {
            return Ok(embedded);
        };
        let last = last_written(ops)?;
        let mut wanted: BTreeMap<String, Vec<f32>> = BTreeMap::new();
        let mut items = HashMap::new();
        for (number, op) in ops.iter().enumerate() {
            match op {
                Op::Put(put) if last.contains(&number) => {
                    let default = || options.texts_of(&put.namespace);
                    let fields = put.texts.clone().unwrap_or_else(default);
                    let texts = texts(&fields, &put.value);
                    wanted.extend(texts.values().map(|text| (text.clone(), Vec::new())));
                    items.insert(number, texts);
                }
                Op::Search(search) | Op::Explain(search) => {
                    if let Some((query, Mode::Meaning | Mode::Both)) = Mode::of(search, options)? {
                        embedded.queries.insert(query.to_owned(), Vec::new());
                    }
                }
                _ => {}
            }
        }
        for (query, vector) in &mut embedded.queries {
            let made = embedder.embed_query(query.clone()).await;
            *vector = made.map_err(|error| failed(embedder, error))?;
            check(embedder, vector)?;
        }
        if wanted.is_empty() {
            return Ok(embedded);
        }
        let vectors = embedder.embed(wanted.keys().cloned().collect()).await;
        let vectors = vectors.map_err(|error| failed(embedder, error))?;
        if vectors.len() != wanted.len() {
            let (wanted, made) = (wanted.len(), vectors.len());
            return Err(problem(embedder, EmbedderProblem::Count { wanted, made }));
        }
        for (wanted, vector) in wanted.values_mut().zip(vectors) {
            check(embedder, &vector)?;
            *wanted = vector;
        }
        let model: Arc<str> = embedder.name().into();
        for (number, texts) in items {
            let of = |(path, text): (String, String)| {
                let vector = wanted.get(&text)?.as_slice();
                Some((path.into(), vector.into()))
            };
            let fields: Vec<_> = texts.into_iter().filter_map(of).collect();
            if !fields.is_empty() {
                let model = Arc::clone(&model);
                embedded.items.insert(number, ItemVectors { model, fields });
            }
        }
        Ok(embedded)
    }

    /// The vectors of what the op with this number puts.
    pub(super) fn item(&self, number: usize) -> Option<&ItemVectors> {
        self.items.get(&number)
    }
}

/// The texts of a value; empty ones have no meaning.
fn texts(fields: &TextFields, value: &Value) -> BTreeMap<String, String> {
    let mut texts = fields.texts(value);
    texts.retain(|_, text| !text.is_empty());
    texts
}

fn check(embedder: &dyn Embedder, vector: &[f32]) -> Result<(), StoreError> {
    let (wanted, made) = (embedder.dimension(), vector.len());
    if wanted != made || made == 0 {
        return Err(problem(
            embedder,
            EmbedderProblem::Dimension { wanted, made },
        ));
    }
    match vector.iter().all(|element| element.is_finite()) {
        true => Ok(()),
        false => Err(problem(embedder, EmbedderProblem::NotFinite)),
    }
}

fn failed(embedder: &dyn Embedder, error: Box<dyn std::error::Error + Send + Sync>) -> StoreError {
    problem(embedder, EmbedderProblem::Failed(error.into()))
}

fn problem(embedder: &dyn Embedder, problem: EmbedderProblem) -> StoreError {
    StoreError::Embedder {
        name: embedder.name().to_owned(),
        problem,
    }
}
