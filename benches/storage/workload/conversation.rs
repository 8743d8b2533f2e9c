//! [`Conversation`]: what LangGraph asks of a checkpoint saver when an agent talks, super-step by super-step.
//!
//! `messages` is handed over as a whole every time, one message longer, beside a few small channels; a super-step first
//! saves what its task wrote, the new message among it, and then the checkpoint.

use std::collections::BTreeMap;

use serde_json::json;
use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointIds, Metadata, PutCheckpoint, PutWrites, Source,
};

use super::Encoding;
use super::message::Messages;

const MESSAGES: &str = "messages";

/// One super-step: the writes are put first.
pub(crate) struct Step {
    pub(crate) writes: PutWrites,
    pub(crate) put: PutCheckpoint,
}

pub(crate) struct Conversation {
    thread: String,
    encoding: Encoding,
    source: Messages,
    ids: CheckpointIds,
    last_id: Option<String>,
    steps: i64,
    llm_calls: u64,
    /// The encoded messages, one behind the other.
    elements: Vec<u8>,
    count: usize,
    message_bytes: usize,
    values: BTreeMap<String, Encoded>,
    versions: BTreeMap<String, ChannelVersion>,
    seen: BTreeMap<String, BTreeMap<String, ChannelVersion>>,
}

impl Conversation {
    pub(crate) fn new(thread: impl Into<String>, encoding: Encoding, seed: u64) -> Self {
        let values = [("user_id", json!("user-1")), ("llm_calls", json!(0))];
        let values = values.map(|(channel, value)| (channel.to_owned(), encoding.value(&value)));
        Self {
            thread: thread.into(),
            encoding,
            source: Messages::new(seed),
            ids: CheckpointIds::new(),
            last_id: None,
            steps: -1,
            llm_calls: 0,
            elements: Vec::new(),
            count: 0,
            message_bytes: 0,
            values: BTreeMap::from(values),
            versions: BTreeMap::new(),
            seen: BTreeMap::from([("__input__".to_owned(), BTreeMap::new())]),
        }
    }

    /// The sum of the encoded messages so far: what there is to know about the conversation.
    pub(crate) fn message_bytes(&self) -> usize {
        self.message_bytes
    }

    /// The checkpoint of the input, before the first step.
    pub(crate) fn first(&mut self) -> PutCheckpoint {
        let changed = ["__start__", MESSAGES, "user_id", "llm_calls"].map(str::to_owned);
        self.checkpoint(changed.to_vec(), Source::Input)
    }

    pub(crate) fn step(&mut self) -> Step {
        let (here, there) = if self.steps % 2 == 1 {
            ("agent", "tools")
        } else {
            ("tools", "agent")
        };
        let (here_channel, there_channel) =
            (format!("branch:to:{here}"), format!("branch:to:{there}"));
        let message = self.encoding.message(&self.source.next());
        let mut written = message.clone();
        written.extend_from_slice(self.encoding.separator());
        self.message_bytes += message.len();
        self.elements.extend_from_slice(&written);
        self.count += 1;
        let writes = PutWrites {
            thread: self.thread.clone(),
            namespace: String::new(),
            checkpoint_id: self.last_id.clone().unwrap(),
            task_id: self.source.uuid(),
            task_path: format!("~__pregel_pull, {here}"),
            writes: vec![
                (MESSAGES.to_owned(), self.encoding.list(1, &written)),
                (there_channel.clone(), null()),
            ],
        };
        let trigger = self.versions.get(&here_channel).cloned();
        let seen = trigger.map(|version| (here_channel.clone(), version));
        self.seen
            .insert(here.to_owned(), seen.into_iter().collect());
        self.values.remove(&here_channel);
        self.values.insert(there_channel.clone(), null());
        let mut changed = vec![MESSAGES.to_owned(), here_channel, there_channel];
        if here == "agent" {
            self.llm_calls += 1;
            changed.push(self.set("llm_calls", &json!(self.llm_calls)));
        }
        if self.steps % 10 == 9 {
            let summary = self.source.text(200);
            changed.push(self.set("summary", &json!(summary)));
        }
        let put = self.checkpoint(changed, Source::Loop);
        Step { writes, put }
    }

    fn set(&mut self, channel: &str, value: &serde_json::Value) -> String {
        self.values
            .insert(channel.to_owned(), self.encoding.value(value));
        channel.to_owned()
    }

    fn checkpoint(&mut self, mut changed: Vec<String>, source: Source) -> PutCheckpoint {
        let newest = self.versions.values().max().cloned();
        let version = ChannelVersion::next(
            newest
                .or(Some(ChannelVersion::Text(String::new())))
                .as_ref(),
        );
        let new_versions: BTreeMap<_, _> = changed
            .iter()
            .map(|c| (c.clone(), version.clone()))
            .collect();
        self.versions.extend(new_versions.clone());
        self.steps += 1;
        let parent_id = self.last_id.take();
        let id = self.ids.next(parent_id.as_deref(), self.steps);
        self.last_id = Some(id.clone());
        let mut channel_values = self.values.clone();
        channel_values.insert(
            MESSAGES.to_owned(),
            self.encoding.list(self.count, &self.elements),
        );
        changed.sort();
        PutCheckpoint {
            thread: self.thread.clone(),
            namespace: String::new(),
            appended: BTreeMap::new(),
            parent_id,
            checkpoint: Checkpoint {
                id,
                ts: "2026-01-01T00:00:00.000000+00:00".to_owned(),
                channel_values,
                channel_versions: self.versions.clone(),
                versions_seen: self.seen.clone(),
                updated_channels: Some(changed),
            },
            metadata: Metadata::new(source, self.steps),
            new_versions,
        }
    }
}

fn null() -> Encoded {
    Encoded::new("null", Vec::new())
}
