//! The store: batches of operations as JSON, answered as JSON.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell::store::{
    Answer, Embedder, Embedding, Filter, Get, Item, ListNamespaces, Op, Put, Search, Store,
    TextFields, Ttl,
};

use crate::database::Database;
use crate::failure::{Failure, Outcome, blocking};
use crate::threads::{seconds, to_json};

#[derive(Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
enum Asked {
    Get {
        namespace: Vec<String>,
        key: String,
        refresh_ttl: Option<bool>,
    },
    Put {
        namespace: Vec<String>,
        key: String,
        value: Value,
        /// Seconds; `None`: for ever.
        ttl: Option<f64>,
        /// The paths of what is embedded of it.
        texts: Vec<String>,
    },
    Delete {
        namespace: Vec<String>,
        key: String,
    },
    Search {
        prefix: Vec<String>,
        filter: Option<Value>,
        limit: usize,
        offset: usize,
        refresh_ttl: Option<bool>,
        query: Option<String>,
    },
    ListNamespaces {
        prefix: Vec<String>,
        suffix: Vec<String>,
        max_depth: Option<usize>,
        limit: usize,
        offset: usize,
    },
}

impl Asked {
    fn op(self) -> Outcome<Op> {
        Ok(match self {
            Self::Get {
                namespace,
                key,
                refresh_ttl,
            } => Op::Get(Get {
                namespace,
                key,
                refresh_ttl,
                ..Get::new(&[], "")
            }),
            Self::Put {
                namespace,
                key,
                value,
                ttl,
                texts,
            } => Op::Put(Put {
                namespace,
                key,
                value,
                ttl: ttl.map_or(Ok(Ttl::Never), |seconds| {
                    let ttl = Duration::try_from_secs_f64(seconds).map(Ttl::After);
                    ttl.map_err(|e| Failure::invalid(format!("a TTL of {seconds} s: {e}")))
                })?,
                index: None,
                texts: Some(TextFields::new(texts)),
            }),
            Self::Delete { namespace, key } => Op::Delete { namespace, key },
            Self::Search {
                prefix,
                filter,
                limit,
                offset,
                refresh_ttl,
                query,
            } => {
                let filter = filter.as_ref().map(Filter::from_json).transpose()?;
                Op::Search(Search {
                    prefix,
                    filter: filter.unwrap_or_default(),
                    limit,
                    offset,
                    refresh_ttl,
                    query,
                    ..Search::new(&[])
                })
            }
            Self::ListNamespaces {
                prefix,
                suffix,
                max_depth,
                limit,
                offset,
            } => Op::ListNamespaces(ListNamespaces {
                prefix,
                suffix,
                max_depth,
                limit,
                offset,
                ..ListNamespaces::default()
            }),
        })
    }
}

/// Vectors that Python has made.
struct Given {
    dims: usize,
    vectors: HashMap<String, Vec<f32>>,
    /// Texts that it has to make vectors of as well.
    missing: Arc<Mutex<Vec<String>>>,
}

impl Given {
    fn vector(&self, text: &str) -> Embedding<Vec<f32>> {
        let found = self.vectors.get(text).cloned();
        found.ok_or_else(|| "a text has no vector".into())
    }
}

impl Embedder for Given {
    /// One for all, as LangGraph's stores know no models.
    fn name(&self) -> &'static str {
        "langgraph"
    }

    fn dimension(&self) -> usize {
        self.dims
    }

    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Embedding<Vec<Vec<f32>>>> {
        let unknown = texts
            .iter()
            .filter(|text| !self.vectors.contains_key(*text));
        self.missing.lock().extend(unknown.cloned());
        let made = texts.iter().map(|text| self.vector(text)).collect();
        std::future::ready(made).boxed()
    }

    fn embed_query(&self, query: String) -> BoxFuture<'_, Embedding<Vec<f32>>> {
        std::future::ready(self.vector(&query)).boxed()
    }
}

#[pymethods]
impl Database {
    /// Does all operations of a JSON list and answers with one. `vectors`: of the texts and queries in them, all of `dims`
    /// numbers. If there are texts without one, nothing is done, and the answer is the object `{"missing": texts}`.
    fn batch(
        &self,
        py: Python<'_>,
        ops_json: &[u8],
        dims: Option<usize>,
        vectors: HashMap<String, Vec<f32>>,
    ) -> PyResult<Vec<u8>> {
        blocking(py, || {
            let asked: Vec<Asked> = serde_json::from_slice(ops_json)?;
            let ops = asked.into_iter().map(Asked::op);
            let ops = ops.collect::<Outcome<Vec<_>>>()?;
            let durability = self.durability();
            let missing = Arc::new(Mutex::new(Vec::new()));
            let answers = self.with(|db| {
                let mut store = db.store().with_durability(durability);
                if let Some(dims) = dims {
                    store = store.with_embedder(Given {
                        dims,
                        vectors,
                        missing: Arc::clone(&missing),
                    });
                }
                Ok(block_on(store.batch(ops)))
            })?;
            let missing = std::mem::take(&mut *missing.lock());
            if !missing.is_empty() {
                return to_json(&json!({ "missing": missing }));
            }
            let answers = answers?;
            to_json(&answers.into_iter().map(answer).collect::<Vec<_>>())
        })
    }
}

fn answer(answer: Answer) -> Value {
    match answer {
        Answer::Item(found) => found.map_or(Value::Null, item),
        Answer::Page(page) => page.items.into_iter().map(item).collect(),
        Answer::Namespaces(namespaces) => json!(namespaces),
        _ => Value::Null,
    }
}

fn item(item: Item) -> Value {
    json!({
        "namespace": item.namespace,
        "key": item.key,
        "value": item.value,
        "created_at": seconds(item.created_at),
        "updated_at": seconds(item.updated_at),
        "score": item.score.map(|score| score.value),
    })
}
