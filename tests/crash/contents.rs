//! [`Contents`]: what a database answers, and what it should.

use std::collections::{BTreeMap, BTreeSet};

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::Value;
use stepwell::checkpoint::{CheckpointTuple, Checkpointer, ListQuery, ThreadOrder, ThreadQuery};
use stepwell::db::Db;
use stepwell::store::{Search, Store};

use crate::model::Model;

pub(crate) const THREADS: [&str; 3] = ["0", "1", "2"];
pub(crate) const NAMESPACES: [&str; 2] = ["0", "1"];

/// Everything that a database answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Contents {
    pub(crate) checkpoints: Vec<CheckpointTuple>,
    /// Thread, namespace, name, checkpoint.
    pub(crate) tags: Vec<(String, String, String, String)>,
    /// Key and value.
    pub(crate) items: Vec<(String, Value)>,
    /// Threads that have checkpoints, and in how many namespaces how many.
    pub(crate) threads: Vec<(String, usize, u64)>,
    /// Threads, and how many checkpoints of them are to be kept.
    pub(crate) policies: Vec<(String, u64)>,
}

/// What it should be.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) model: Model,
    pub(crate) items: Vec<(String, Value)>,
    pub(crate) policies: BTreeMap<String, u64>,
    pub(crate) contents: Contents,
}

impl State {
    /// Brings what is answered up to date.
    pub(crate) fn settle(&mut self) {
        let tags = THREADS.iter().flat_map(|thread| {
            let tags = self.model.tags(thread).into_iter();
            tags.map(|(namespace, name, id)| ((*thread).to_owned(), namespace, name, id))
        });
        let checkpoints = self.model.list();
        let threads = THREADS.iter().filter_map(|thread| {
            let of = checkpoints.iter().filter(|of| of.thread == *thread);
            let namespaces: BTreeSet<_> = of.clone().map(|of| &of.namespace).collect();
            let count = u64::try_from(of.count()).unwrap();
            (count > 0).then(|| ((*thread).to_owned(), namespaces.len(), count))
        });
        self.contents = Contents {
            threads: threads.collect(),
            tags: tags.collect(),
            items: self.items.clone(),
            policies: self.policies.clone().into_iter().collect(),
            checkpoints,
        };
        self.contents.items.sort_by(|a, b| a.0.cmp(&b.0));
    }

    /// Removes what is not to be kept, of threads without a policy all but so many. Tells how many checkpoints went.
    pub(crate) fn retain(&mut self, thread: &str, last: u64) -> u64 {
        let last = self.policies.get(thread).copied().unwrap_or(last);
        self.model.keep_last(thread, last.try_into().unwrap())
    }

    pub(crate) fn put_item(&mut self, key: &str, value: Option<Value>) {
        let there = self.items.iter_mut().find(|(there, _)| there == key);
        match (there, value) {
            (Some((_, there)), Some(value)) => *there = value,
            (None, Some(value)) => self.items.push((key.to_owned(), value)),
            (_, None) => self.items.retain(|(there, _)| there != key),
        }
    }
}

impl Contents {
    /// Everything that the database answers, or the first error.
    pub(crate) fn of(db: &Db) -> Result<Self, String> {
        let saver = db.checkpointer();
        let listed: Vec<_> = block_on(saver.list(ListQuery::default()).collect());
        let checkpoints: Vec<_> = (listed.into_iter().collect::<Result<_, _>>())
            .map_err(|error| format!("list: {error}"))?;
        let mut tags = Vec::new();
        for thread in THREADS {
            let of_thread =
                block_on(saver.tags(thread)).map_err(|error| format!("tags: {error}"))?;
            tags.extend(of_thread.into_iter().map(|tag| {
                let thread = thread.to_owned();
                (thread, tag.namespace, tag.name, tag.checkpoint_id)
            }));
        }
        let mut policies = Vec::new();
        for thread in THREADS {
            let policy = block_on(saver.retention(thread));
            let policy = policy.map_err(|error| format!("retention: {error}"))?;
            let last = policy.and_then(|policy| policy.keep_last);
            policies.extend(last.map(|last| (thread.to_owned(), last)));
        }
        let by_name = ThreadQuery {
            order: ThreadOrder::Name,
            ..ThreadQuery::default()
        };
        let threads = block_on(saver.list_threads(by_name));
        let threads = threads.map_err(|error| format!("list_threads: {error}"))?;
        let threads = (threads.into_iter())
            .filter(|of| of.checkpoints > 0)
            .map(|of| (of.thread, of.namespaces, of.checkpoints));
        let items = block_on(db.store().search(Search::new(&[]).limit(usize::MAX)));
        let items = items.map_err(|error| format!("search: {error}"))?;
        let mut items: Vec<_> = (items.into_iter().map(|item| (item.key, item.value))).collect();
        items.sort_by(|a, b| a.0.cmp(&b.0));
        Ok(Self {
            checkpoints,
            tags,
            items,
            threads: threads.collect(),
            policies,
        })
    }

    /// The checkpoints of one thread and namespace, newest first.
    pub(crate) fn history(&self, thread: &str, namespace: &str) -> Vec<&CheckpointTuple> {
        let of = |found: &&CheckpointTuple| found.thread == thread && found.namespace == namespace;
        self.checkpoints.iter().filter(of).collect()
    }

    /// In what it differs from another.
    pub(crate) fn difference(&self, other: &Self) -> String {
        let ids = |of: &Self| -> Vec<String> {
            let of = of.checkpoints.iter();
            of.map(|of| format!("{}/{}/{}", of.thread, of.namespace, of.checkpoint.id))
                .collect()
        };
        if ids(self) != ids(other) {
            return format!("checkpoints {:?} and {:?}", ids(self), ids(other));
        }
        for (one, another) in self.checkpoints.iter().zip(&other.checkpoints) {
            if one != another {
                return format!("{one:?} and {another:?}");
            }
        }
        if self.tags != other.tags {
            return format!("tags {:?} and {:?}", self.tags, other.tags);
        }
        if self.threads != other.threads {
            return format!("threads {:?} and {:?}", self.threads, other.threads);
        }
        if self.policies != other.policies {
            return format!("policies {:?} and {:?}", self.policies, other.policies);
        }
        format!("items {:?} and {:?}", self.items, other.items)
    }
}
