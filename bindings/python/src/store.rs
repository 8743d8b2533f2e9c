//! The store: batches of operations as JSON, answered as JSON.

use std::time::Duration;

use futures::executor::block_on;
use pyo3::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};
use stepwell::store::{Answer, Filter, Get, Item, ListNamespaces, Op, Put, Search, Store, Ttl};

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
            } => Op::Put(Put {
                namespace,
                key,
                value,
                ttl: ttl.map_or(Ok(Ttl::Never), |seconds| {
                    let ttl = Duration::try_from_secs_f64(seconds).map(Ttl::After);
                    ttl.map_err(|e| Failure::invalid(format!("a TTL of {seconds} s: {e}")))
                })?,
                index: None,
            }),
            Self::Delete { namespace, key } => Op::Delete { namespace, key },
            Self::Search {
                prefix,
                filter,
                limit,
                offset,
                refresh_ttl,
            } => {
                let filter = filter.as_ref().map(Filter::from_json).transpose()?;
                Op::Search(Search {
                    prefix,
                    filter: filter.unwrap_or_default(),
                    limit,
                    offset,
                    refresh_ttl,
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

#[pymethods]
impl Database {
    /// Does all operations of a JSON list and answers with one.
    fn batch(&self, py: Python<'_>, ops_json: &[u8]) -> PyResult<Vec<u8>> {
        blocking(py, || {
            let asked: Vec<Asked> = serde_json::from_slice(ops_json)?;
            let ops = asked.into_iter().map(Asked::op);
            let ops = ops.collect::<Outcome<Vec<_>>>()?;
            let durability = self.durability();
            let answers = self.with(|db| {
                let store = db.store().with_durability(durability);
                Ok(block_on(store.batch(ops))?)
            })?;
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
    })
}
