//! A checkpoint is put: which version text each of its channels gets, and what is stored under it.
//!
//! A text names one value for ever. A channel that did not change keeps the text that the parent has; one that changed gets a
//! new one. So a fork never finds what another one has put under the same version.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value};

use crate::Encoded;
use crate::checkpoint::{CheckpointError, PutCheckpoint, make_whole};
use crate::index::precedes;
use crate::langgraph::{Reading, form_of, value_column};
use crate::postgres::PostgresError;
use crate::postgres::row::{self, EMPTY, Texts, checkpoint_json, metadata_json, texts};
use crate::postgres::saver::write::{Fault, Turn};
use crate::postgres::text::escape;
use crate::postgres::version::{label, labelled, plain, read};
use crate::version::ChannelVersion;

/// What the parent's row says.
#[derive(Default)]
struct Parent {
    versions: Texts,
    seen: BTreeMap<String, Texts>,
    inline: Map<String, Value>,
}

impl Parent {
    fn of(mut row: Value) -> Self {
        let inline = row.get_mut("channel_values").map(Value::take);
        let seen = row.get("versions_seen").and_then(Value::as_object);
        let seen = seen.into_iter().flatten();
        Self {
            versions: texts(row.get("channel_versions")),
            seen: seen
                .map(|(node, seen)| (node.clone(), texts(Some(seen))))
                .collect(),
            inline: match inline {
                Some(Value::Object(inline)) => inline,
                _ => Map::new(),
            },
        }
    }

    /// The text that it has of a channel at a version.
    fn at(&self, key: &str, version: &ChannelVersion) -> Option<&String> {
        let text = self.versions.get(key)?;
        is_of(text, version).then_some(text)
    }
}

/// Whether a text stands for a version.
fn is_of(text: &str, version: &ChannelVersion) -> bool {
    read(text) == *version
}

/// Values on their way to `checkpoint_blobs`, column by column.
#[derive(Default)]
struct Blobs {
    channels: Vec<String>,
    versions: Vec<String>,
    types: Vec<String>,
    bytes: Vec<Option<Bytes>>,
}

impl Blobs {
    fn push(
        &mut self,
        channel: (&str, &str),
        version: &str,
        value: Option<&Encoded>,
    ) -> Result<(), PostgresError> {
        let (name, key) = channel;
        let (tag, bytes) = match value {
            Some(value) => column(name, value).map(|(tag, bytes)| (tag, Some(bytes)))?,
            None => (EMPTY, None),
        };
        self.channels.push(key.to_owned());
        self.versions.push(version.to_owned());
        self.types.push(escape(tag).into_owned());
        self.bytes.push(bytes);
        Ok(())
    }
}

/// The type and bytes of a value of `channel`.
pub(super) fn column<'v>(
    channel: &str,
    value: &'v Encoded,
) -> Result<(&'v str, Bytes), PostgresError> {
    value_column(channel, value).map_err(|error| PostgresError::Unreadable {
        what: format!("the value of channel `{channel}`"),
        reason: error.to_string(),
    })
}

impl Turn<'_> {
    pub(super) async fn put(&mut self, mut put: PutCheckpoint) -> Result<(), Fault> {
        let parent = match &put.parent_id {
            Some(id) => self.checkpoint(&put.thread, &put.namespace, id).await?,
            None => None,
        };
        let is_there = parent.is_some();
        self.check_cutoff(&put, is_there).await?;
        let parent = parent.map(Parent::of).unwrap_or_default();
        if !put.appended.is_empty() {
            self.check_gone(&put, is_there)?;
            self.make_whole(&mut put, &parent).await?;
        }
        let label = label(self.row(&put.thread).turn, self.place);
        let mut versions = Texts::new();
        let mut inline = Map::new();
        let mut blobs = Blobs::default();
        for (name, version) in &put.checkpoint.channel_versions {
            let key = escape(name).into_owned();
            let given = put.checkpoint.channel_values.get(name);
            let inherited = parent.at(&key, version);
            let text = if put.new_versions.get(name) == Some(version) {
                let text = self.new_text(&put, &key, version, &label).await?;
                blobs.push((name, &key), &text, given)?;
                text
            } else if let (Some(text), None) = (inherited, given) {
                inherit(&parent, &key, &mut inline);
                text.clone()
            } else if let (Some(text), Some(_)) = (inherited, given)
                && (parent.inline.contains_key(&key) || self.has_blob(&put, &key, text).await?)
            {
                inherit(&parent, &key, &mut inline);
                text.clone()
            } else if given.is_some() {
                let text = self.new_text(&put, &key, version, &label).await?;
                blobs.push((name, &key), &text, given)?;
                text
            } else {
                self.check_pruned(&put, is_there)?;
                match self.newest(&put, &key, version).await? {
                    Some((text, value)) => {
                        if let Some(value) = value {
                            inline.insert(key.clone(), value);
                        }
                        text
                    }
                    None => labelled(version, &label),
                }
            };
            versions.insert(key, text);
        }
        self.insert_blobs(&put, &blobs).await?;
        let seen = seen_texts(&put, &versions, &parent);
        let json = checkpoint_json(
            &put.checkpoint,
            form_of(&put.metadata),
            versions,
            seen,
            inline,
        );
        Ok(self.insert_checkpoint(&put, &json).await?)
    }

    /// A text for a value that is new. What another implementation calls its version keeps that name unless it is taken.
    async fn new_text(
        &self,
        put: &PutCheckpoint,
        key: &str,
        version: &ChannelVersion,
        label: &str,
    ) -> Result<String, PostgresError> {
        if let ChannelVersion::Text(_) = version {
            let text = plain(version);
            if !self.has_blob(put, key, &text).await? {
                return Ok(text);
            }
        }
        Ok(labelled(version, label))
    }

    async fn has_blob(
        &self,
        put: &PutCheckpoint,
        key: &str,
        text: &str,
    ) -> Result<bool, PostgresError> {
        let (thread, namespace) = (escape(&put.thread), escape(&put.namespace));
        let found = self
            .query(
                "SELECT 1 FROM checkpoint_blobs
             WHERE thread_id = $1 AND checkpoint_ns = $2 AND channel = $3 AND version = $4",
                &[&&*thread, &&*namespace, &key, &text],
            )
            .await?;
        Ok(!found.is_empty())
    }

    /// The text of the newest value of a channel at a version, and the value if it is in a checkpoint's row, where LangGraph puts small ones.
    async fn newest(
        &self,
        put: &PutCheckpoint,
        key: &str,
        version: &ChannelVersion,
    ) -> Result<Option<(String, Option<Value>)>, PostgresError> {
        let (thread, namespace) = (escape(&put.thread), escape(&put.namespace));
        let text = plain(version);
        let found = self
            .query(
                "SELECT version FROM checkpoint_blobs
             WHERE thread_id = $1 AND checkpoint_ns = $2 AND channel = $3
                AND (version = $4 OR starts_with(version, $4 || '~'))
             ORDER BY version COLLATE \"C\" DESC LIMIT 1",
                &[&&*thread, &&*namespace, &key, &text],
            )
            .await?;
        if let Some(row) = found.first() {
            return Ok(Some((row.try_get(0)?, None)));
        }
        let found = self
            .query(
                "SELECT checkpoint -> 'channel_values' -> $3 FROM checkpoints
             WHERE thread_id = $1 AND checkpoint_ns = $2
                AND checkpoint -> 'channel_versions' ->> $3 = $4
                AND jsonb_exists(checkpoint -> 'channel_values', $3)
             ORDER BY checkpoint_id COLLATE \"C\" DESC LIMIT 1",
                &[&&*thread, &&*namespace, &key, &text],
            )
            .await?;
        match found.first() {
            Some(row) => Ok(Some((text, Some(row.try_get(0)?)))),
            None => Ok(None),
        }
    }

    async fn make_whole(&self, put: &mut PutCheckpoint, parent: &Parent) -> Result<(), Fault> {
        let mut lists = BTreeMap::new();
        for channel in put.appended.keys() {
            let key = escape(channel).into_owned();
            let Some(text) = parent.versions.get(&key) else {
                continue;
            };
            let (thread, namespace) = (escape(&put.thread), escape(&put.namespace));
            let found = self
                .query(
                    "SELECT type, blob FROM checkpoint_blobs
                 WHERE thread_id = $1 AND checkpoint_ns = $2 AND channel = $3 AND version = $4",
                    &[&&*thread, &&*namespace, &key, &text],
                )
                .await?;
            if let Some(found) = found.first() {
                let value = row::value(found.try_get(0)?, found.try_get(1)?, Reading::AsJson);
                lists.extend(value.map(|value| (channel.clone(), value)));
            }
        }
        Ok(make_whole(put, |channel| Ok(lists.get(channel).cloned()))?)
    }

    async fn insert_blobs(&self, put: &PutCheckpoint, blobs: &Blobs) -> Result<(), PostgresError> {
        if blobs.channels.is_empty() {
            return Ok(());
        }
        let (thread, namespace) = (escape(&put.thread), escape(&put.namespace));
        self.execute(
            "INSERT INTO checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
             SELECT $1, $2, c, v, t, b
             FROM unnest($3::text[], $4::text[], $5::text[], $6::bytea[]) AS u (c, v, t, b)",
            &[
                &&*thread,
                &&*namespace,
                &blobs.channels,
                &blobs.versions,
                &blobs.types,
                &blobs.bytes.iter().map(Option::as_deref).collect::<Vec<_>>(),
            ],
        )
        .await?;
        Ok(())
    }

    async fn insert_checkpoint(
        &self,
        put: &PutCheckpoint,
        json: &Value,
    ) -> Result<(), PostgresError> {
        let (thread, namespace) = (escape(&put.thread), escape(&put.namespace));
        let (id, parent) = (
            escape(&put.checkpoint.id),
            put.parent_id.as_deref().map(escape),
        );
        self.execute(
            "INSERT INTO checkpoints
                (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (thread_id, checkpoint_ns, checkpoint_id) DO UPDATE
             SET parent_checkpoint_id = EXCLUDED.parent_checkpoint_id,
                checkpoint = EXCLUDED.checkpoint, metadata = EXCLUDED.metadata",
            &[
                &&*thread,
                &&*namespace,
                &&*id,
                &parent.as_deref(),
                json,
                &metadata_json(&put.metadata),
            ],
        )
        .await?;
        Ok(())
    }

    /// Refuses what builds on a checkpoint that went with the thread's deletion. Ids of another form cannot be compared with the cutoff, so every
    /// missing parent is taken for a deleted one.
    async fn check_cutoff(&mut self, put: &PutCheckpoint, is_there: bool) -> Result<(), Fault> {
        let Some(cutoff) = self.row(&put.thread).cutoff.clone() else {
            return Ok(());
        };
        let deleted = |checkpoint: &str| {
            Fault::Refused(CheckpointError::ThreadDeleted {
                thread: put.thread.clone(),
                checkpoint: checkpoint.to_owned(),
            })
        };
        if let Some(id) = &put.parent_id
            && !is_there
            && precedes(id, &cutoff).unwrap_or(true)
        {
            return Err(deleted(id));
        }
        // The first checkpoint of a subgraph has no parent, but belongs to the run of its ancestors.
        for (namespace, id) in &put.metadata.parents {
            if precedes(id, &cutoff).unwrap_or(false)
                && (self.checkpoint(&put.thread, namespace, id).await?).is_none()
            {
                return Err(deleted(id));
            }
        }
        Ok(())
    }

    /// Refuses what needs values of a parent that was pruned.
    fn check_pruned(&mut self, put: &PutCheckpoint, is_there: bool) -> Result<(), Fault> {
        let pruned = self.row(&put.thread).pruned.clone();
        match &put.parent_id {
            Some(id) if !is_there && Some(id) <= pruned.as_ref() => {
                Err(Fault::Refused(CheckpointError::Pruned {
                    thread: put.thread.clone(),
                    checkpoint: id.clone(),
                }))
            }
            _ => Ok(()),
        }
    }

    /// Refuses what needs values of a parent that is gone.
    fn check_gone(&mut self, put: &PutCheckpoint, is_there: bool) -> Result<(), Fault> {
        let cutoff = self.row(&put.thread).cutoff.clone();
        if let (Some(id), Some(cutoff)) = (&put.parent_id, cutoff)
            && !is_there
            && precedes(id, &cutoff).unwrap_or(true)
        {
            return Err(Fault::Refused(CheckpointError::ThreadDeleted {
                thread: put.thread.clone(),
                checkpoint: id.clone(),
            }));
        }
        self.check_pruned(put, is_there)
    }
}

fn inherit(parent: &Parent, key: &str, inline: &mut Map<String, Value>) {
    if let Some(value) = parent.inline.get(key) {
        inline.insert(key.to_owned(), value.clone());
    }
}

/// The texts of the versions that nodes have seen: that of the channel now if it is that one, that of the parent if it is the one there. To
/// LangGraph a node has seen a channel if the texts are equal.
fn seen_texts(put: &PutCheckpoint, versions: &Texts, parent: &Parent) -> BTreeMap<String, Texts> {
    let none = Texts::new();
    let nodes = put.checkpoint.versions_seen.iter();
    let nodes = nodes.map(|(node, seen)| {
        let node = escape(node).into_owned();
        let before = parent.seen.get(&node).unwrap_or(&none);
        let texts = seen.iter().map(|(channel, version)| {
            let key = escape(channel).into_owned();
            let known = [
                versions.get(&key),
                before.get(&key),
                parent.versions.get(&key),
            ];
            let mut known = known.into_iter().flatten();
            let text = known.find(|text| is_of(text, version));
            let text = text.cloned().unwrap_or_else(|| plain(version));
            (key, text)
        });
        (node, texts.collect())
    });
    nodes.collect()
}
