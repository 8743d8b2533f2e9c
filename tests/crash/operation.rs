//! [`Operation`]: what is done to a database, made up from random numbers.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointTuple, Metadata, PutCheckpoint, PutWrites, Source,
};
use stepwell::testing::Random;

use crate::contents::{Contents, NAMESPACES, THREADS};

/// What is done to a database.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Put(Box<Put>),
    Writes(PutWrites),
    Item(String, Option<Value>),
    Delete(String),
    Copy(String, String),
    Prune(String, usize),
    /// Thread, namespace, name, checkpoint.
    Tag(String, String, String, String),
    Untag(String, String, String),
    /// How many checkpoints of a thread are kept; `None`: as the database says.
    Policy(String, Option<u64>),
    /// What is not to be kept goes; of threads without a policy all but so many.
    Retain(u64),
    Compact,
    Backup,
    Sync,
    /// Background jobs work after this time.
    Rest(Duration),
    /// The database is closed and opened again.
    Reopen,
}

/// A checkpoint, and what goes with it.
#[derive(Clone, Debug)]
pub(crate) struct Put {
    /// With all values.
    pub(crate) whole: PutCheckpoint,
    /// The elements that the list of the channel `list` has more than the parent's.
    pub(crate) appended: Option<Vec<Encoded>>,
    pub(crate) items: Vec<(String, Option<Value>)>,
}

/// Makes operations.
pub(crate) struct Maker {
    pub(crate) random: Random,
    made: u64,
}

impl Maker {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            made: 0,
        }
    }

    fn one_of(&mut self, of: &[&str]) -> String {
        (*self.random.pick(of).unwrap()).to_owned()
    }

    fn id(&mut self) -> String {
        self.made += 1;
        format!("{:08}", self.made)
    }

    fn text(&mut self, longest: u64) -> String {
        let len = self.random.below(longest);
        let mut text = format!("{} ", self.made);
        for _ in 0..len / 8 {
            text.push_str(&format!("{:08x}", self.random.below(1 << 32)));
        }
        text
    }

    /// Something to do to a database with these contents.
    pub(crate) fn operation(&mut self, contents: &Contents) -> Operation {
        match self.random.below(100) {
            0..41 => Operation::Put(Box::new(self.put(contents))),
            41..43 => {
                let last = 1 + self.random.below(4);
                let last = (!self.random.one_in(3)).then_some(last);
                Operation::Policy(self.one_of(&THREADS), last)
            }
            43..44 => Operation::Retain(1 + self.random.below(6)),
            44..62 => self.writes(contents),
            62..72 => {
                let (key, value) = self.item();
                Operation::Item(key, value)
            }
            72..74 => Operation::Delete(self.one_of(&THREADS)),
            74..78 => Operation::Copy(self.one_of(&THREADS), self.one_of(&THREADS)),
            78..81 => {
                let last = usize::try_from(self.random.below(4)).unwrap();
                Operation::Prune(self.one_of(&THREADS), last)
            }
            81..84 => self.tag(contents),
            84..85 => {
                let name = self.one_of(&["x", "y"]);
                Operation::Untag(self.one_of(&THREADS), self.one_of(&NAMESPACES), name)
            }
            85..89 => Operation::Compact,
            89..90 => Operation::Backup,
            90..93 => Operation::Sync,
            93..98 => {
                let time = [1, 20, 2000].map(Duration::from_millis);
                Operation::Rest(*self.random.pick(&time).unwrap())
            }
            _ => Operation::Reopen,
        }
    }

    fn item(&mut self) -> (String, Option<Value>) {
        let key = self.one_of(&["a", "b", "c"]);
        let value = json!({"n": self.random.below(100), "text": self.text(200)});
        (key, (!self.random.one_in(4)).then_some(value))
    }

    fn tag(&mut self, contents: &Contents) -> Operation {
        let name = self.one_of(&["x", "y"]);
        let found = self.random.pick(&contents.checkpoints);
        let (thread, namespace, id) = match found {
            Some(found) => (&*found.thread, &*found.namespace, &*found.checkpoint.id),
            None => ("0", "0", "nothing"),
        };
        Operation::Tag(thread.into(), namespace.into(), name, id.into())
    }

    fn parent<'c>(
        &mut self,
        contents: &'c Contents,
        thread: &str,
        namespace: &str,
    ) -> (Option<String>, Option<&'c CheckpointTuple>) {
        let history = contents.history(thread, namespace);
        let found = match self.random.below(20) {
            0 => return (None, None),
            1 => return (Some("no such id".to_owned()), None),
            2..5 => self.random.pick(&history),
            _ => history.first(),
        };
        let found = found.copied();
        (found.map(|found| found.checkpoint.id.clone()), found)
    }

    fn put(&mut self, contents: &Contents) -> Put {
        let (thread, namespace) = (self.one_of(&THREADS), self.one_of(&NAMESPACES));
        let (parent_id, parent) = self.parent(contents, &thread, &namespace);
        let id = match parent {
            // Put again, in the place of what was there.
            Some(parent) if self.random.one_in(30) => parent.checkpoint.id.clone(),
            _ => self.id(),
        };
        let mut checkpoint = Checkpoint {
            id,
            ts: "2026-01-31T12:00:00.000000+00:00".into(),
            ..Checkpoint::default()
        };
        if let Some(parent) = parent {
            checkpoint.channel_versions = parent.checkpoint.channel_versions.clone();
        }
        let mut new_versions = BTreeMap::new();
        let mut appended = None;
        for channel in ["list", "number", "blob"] {
            if !self.random.one_in(if channel == "blob" { 6 } else { 2 }) {
                continue;
            }
            let version = match checkpoint.channel_versions.get(channel) {
                Some(ChannelVersion::Int(version)) => version + 1,
                _ => 1,
            };
            let version = ChannelVersion::Int(version);
            let versions = &mut checkpoint.channel_versions;
            versions.insert(channel.into(), version.clone());
            new_versions.insert(channel.into(), version);
            let before = parent.and_then(|parent| parent.checkpoint.channel_values.get(channel));
            let value = match channel {
                "list" => {
                    let (value, added) = self.longer(before);
                    let may = before.is_some() && self.random.one_in(2);
                    appended = added.filter(|_| may);
                    value
                }
                "number" if self.random.one_in(10) => continue,
                "number" => json!(self.random.below(1000)),
                _ => json!(self.text(9000)),
            };
            let values = &mut checkpoint.channel_values;
            values.insert(channel.into(), Encoded::json(&value));
        }
        checkpoint.versions_seen = [("node".into(), checkpoint.channel_versions.clone())].into();
        let items = match self.random.below(4) {
            0 => vec![self.item()],
            _ => vec![],
        };
        let step = i64::try_from(self.made).unwrap();
        let whole = PutCheckpoint {
            thread,
            namespace,
            parent_id,
            checkpoint,
            metadata: Metadata::new(Source::Loop, step),
            appended: BTreeMap::new(),
            new_versions,
        };
        Put {
            whole,
            appended,
            items,
        }
    }

    /// A list that goes on where this one ends, and with what.
    fn longer(&mut self, before: Option<&Encoded>) -> (Value, Option<Vec<Encoded>>) {
        let before = before.and_then(|before| before.to_json().ok());
        let Some(Value::Array(mut list)) = before else {
            return (json!([self.text(100)]), None);
        };
        if self.random.one_in(12) {
            list.truncate(1);
            return (Value::Array(list), None);
        }
        let mut added = Vec::new();
        for _ in 0..=self.random.below(2) {
            let element = json!({"role": "user", "text": self.text(300)});
            added.push(Encoded::json(&element));
            list.push(element);
        }
        (Value::Array(list), Some(added))
    }

    fn writes(&mut self, contents: &Contents) -> Operation {
        let (thread, namespace) = (self.one_of(&THREADS), self.one_of(&NAMESPACES));
        let (checkpoint, _) = self.parent(contents, &thread, &namespace);
        let checkpoint_id = checkpoint.unwrap_or_else(|| self.id());
        let channels = ["list", "number", "__error__", "__resume__"];
        let count = 1 + self.random.below(3);
        let writes = (0..count).map(|_| {
            let value = json!(self.text(150));
            (self.one_of(&channels), Encoded::json(&value))
        });
        Operation::Writes(PutWrites {
            writes: writes.collect(),
            thread,
            namespace,
            checkpoint_id,
            task_id: self.one_of(&["t", "u"]),
            task_path: self.one_of(&["p", "q"]),
        })
    }
}
