//! Operations on the store, and the dump of what a thread keeps.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use stepwell::checkpoint::ListQuery;
use stepwell::graph::Config;
use stepwell::store::{Filter, Item, ListNamespaces, Order, Search};

use crate::harness::Harness;
use crate::ops::{Answer, done, only};
use crate::scenario::Op;
use crate::show::{list, without_task_ids};

impl Harness<'_> {
    pub(crate) async fn operate_on_store(&mut self, op: &Op) -> Answer {
        let store = self.kept.store()?;
        let ns: Vec<&str> = op.ns.iter().map(String::as_str).collect();
        match op.op.as_str() {
            "store_put" => {
                store.put(&ns, &op.key, op.value.clone()).await?;
                Ok(done())
            }
            "store_get" => {
                let item = store.get(&ns, &op.key).await?;
                Ok(only("item", item.as_ref().map_or(Value::Null, shown)))
            }
            "store_delete" => {
                store.delete(&ns, &op.key).await?;
                Ok(done())
            }
            "store_search" => {
                // `InMemoryStore`, which the scenarios were recorded on, has them in the order of insertion.
                let mut search = Search::new(&ns).order(Order::Created);
                if let Some(filter) = &op.filter {
                    search = search.filter(Filter::from_json(filter)?);
                }
                if let Some(limit) = op.limit {
                    search = search.limit(limit);
                }
                search = search.offset(op.offset.unwrap_or_default());
                let mut items = store.search(search).await?;
                if op.limit.is_none() && op.offset.is_none() {
                    items.sort_by(|a, b| (&a.namespace, &a.key).cmp(&(&b.namespace, &b.key)));
                }
                Ok(only("items", items.iter().map(shown).collect()))
            }
            "store_list_namespaces" => {
                let default = ListNamespaces::default();
                let query = ListNamespaces {
                    prefix: op.prefix.clone(),
                    suffix: op.suffix.clone(),
                    max_depth: op.max_depth,
                    limit: op.limit.unwrap_or(default.limit),
                    offset: op.offset.unwrap_or_default(),
                    ..default
                };
                let found = store.list_namespaces(query).await?;
                Ok(only("namespaces", json!(found)))
            }
            other => Err(format!("operation `{other}` is unknown").into()),
        }
    }

    /// How many checkpoints the thread has, and what is kept with the latest.
    pub(crate) async fn dump(&mut self, op: &Op) -> Answer {
        let thread = op.thread.as_deref().ok_or("dump needs a thread")?;
        let saver = self.kept.saver()?;
        let query = ListQuery {
            thread: Some(thread.to_owned()),
            ..ListQuery::default()
        };
        let mut counts: BTreeMap<String, u64> = BTreeMap::new();
        for saved in list(&saver, query).await? {
            *counts.entry(saved.namespace).or_default() += 1;
        }
        let mut shapes: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for (namespace, count) in counts {
            let shape = shapes.entry(without_task_ids(&namespace)).or_default();
            shape.push(count);
        }
        for counts in shapes.values_mut() {
            counts.sort_by_key(|count| std::cmp::Reverse(*count));
        }
        let mut result = only("checkpoints", json!(shapes));
        result.insert("pending".into(), self.pending(op, thread).await?.into());
        Ok(result)
    }

    async fn pending(
        &mut self,
        op: &Op,
        thread: &str,
    ) -> Result<Vec<Value>, crate::harness::Stopped> {
        let latest = self.kept.saver()?.get(thread, "", None).await;
        let latest = latest.map_err(|e| format!("reading the latest checkpoint: {e}"))?;
        let Some(latest) = latest else {
            return Ok(Vec::new());
        };
        let channels = self.channels_of(op);
        let graph = self.graph(op)?;
        let at = Config::thread(thread).at(&latest.checkpoint.id);
        let snapshot = graph.get_state(&at).await?;
        let mut pending = Vec::new();
        for task in &snapshot.tasks {
            let writes = latest.pending_writes.iter();
            let mut written = Vec::new();
            for write in writes.filter(|write| write.task_id == task.id) {
                let shown = match write.channel.as_str() {
                    "__interrupt__" => "$interrupt",
                    "__error__" => "$error",
                    channel if channels.contains_key(channel) => channel,
                    _ => continue,
                };
                if !written.contains(&shown) {
                    written.push(shown);
                }
            }
            if !written.is_empty() {
                pending.push(json!([task.name, written]));
            }
        }
        Ok(pending)
    }

    fn channels_of(&self, op: &Op) -> Map<String, Value> {
        let name = op.graph.as_deref().unwrap_or("main");
        let channels = self.scenario.graphs.get(name).map(|graph| &graph.channels);
        channels
            .into_iter()
            .flatten()
            .map(|(name, _)| (name.clone(), Value::Null))
            .collect()
    }
}

fn shown(item: &Item) -> Value {
    json!({"ns": item.namespace, "key": item.key, "value": item.value})
}
