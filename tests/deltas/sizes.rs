//! What deltas take in the log.

use stepwell::Encoded;
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, CheckpointIds, Checkpointer, Metadata, PutCheckpoint, PutWrites,
    Source,
};

use crate::database::{Database, options};

/// A thread that is put step by step.
struct Thread {
    database: Database,
    ids: CheckpointIds,
    last: Option<String>,
    version: u64,
}

enum Put {
    Whole(Vec<u8>),
    Appended(Vec<u8>),
}

impl Thread {
    fn new() -> Self {
        let options = options().segment_bytes(64 << 20);
        Self {
            database: Database::with(options),
            ids: CheckpointIds::new(),
            last: None,
            version: 0,
        }
    }

    fn bytes(&self) -> u64 {
        self.database.db().log_stats().unwrap().bytes
    }

    /// Puts a checkpoint with this change of a channel, and tells by how much the log grew.
    fn put(&mut self, channel: &str, value: Put) -> u64 {
        let before = self.bytes();
        self.version += 1;
        let versions = [(channel.to_owned(), ChannelVersion::Int(self.version))];
        let parent_id = self.last.take();
        let id = self.ids.next(parent_id.as_deref(), 0);
        self.last = Some(id.clone());
        let (mut values, mut appended) = (Vec::new(), Vec::new());
        match value {
            Put::Whole(bytes) => values.push((channel.to_owned(), Encoded::new("json", bytes))),
            Put::Appended(bytes) => {
                appended.push((channel.to_owned(), vec![Encoded::new("json", bytes)]));
            }
        }
        let put = PutCheckpoint {
            thread: "t".into(),
            namespace: String::new(),
            parent_id,
            checkpoint: Checkpoint {
                id,
                channel_values: values.into_iter().collect(),
                channel_versions: versions.clone().into(),
                ..Checkpoint::default()
            },
            metadata: Metadata::new(Source::Loop, 1),
            appended: appended.into_iter().collect(),
            new_versions: versions.into(),
        };
        drop(self.database.db().checkpointer().put(put));
        self.bytes() - before
    }

    fn write(&self, value: &[u8]) -> u64 {
        let before = self.bytes();
        let put = PutWrites {
            thread: "t".into(),
            namespace: String::new(),
            checkpoint_id: self.last.clone().unwrap(),
            task_id: "task".into(),
            task_path: "path".into(),
            writes: vec![("c".into(), Encoded::new("json", value.to_vec()))],
        };
        drop(self.database.db().checkpointer().put_writes(put));
        self.bytes() - before
    }
}

/// A JSON text of about so many bytes that has nothing in common with others.
fn text(seed: u64, bytes: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut text = vec![b'"'];
    while text.len() < bytes {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.extend_from_slice(format!("{state:x}").as_bytes());
    }
    text.push(b'"');
    text
}

/// What a record takes besides its values, at most.
const STEP: u64 = 300;

#[test]
fn a_list_that_grows_takes_no_more_than_three_times_its_bytes() {
    for element in [10, 400, 5_000] {
        let mut thread = Thread::new();
        thread.put("c", Put::Whole(b"[]".to_vec()));
        let (mut taken, mut length) = (0, 2);
        for step in 1..2_000_u64 {
            let text = text(step, element);
            length += text.len() as u64 + 1;
            taken += thread.put("c", Put::Appended(text));
            assert!(
                taken <= 3 * length + (256 + STEP) * step,
                "{element}: step {step}"
            );
        }
    }
}

#[test]
fn a_message_that_a_task_wrote_is_stored_once() {
    let mut thread = Thread::new();
    thread.put("c", Put::Whole(b"[]".to_vec()));
    for step in 0..20 {
        let message = text(step, 3_000);
        let list = [b"[", &*message, b"]"].concat();
        assert!(thread.write(&list) > 3_000);
        assert!(thread.put("c", Put::Appended(message)) < 3 * STEP);
    }
}

#[test]
fn an_equal_value_is_stored_once() {
    let mut thread = Thread::new();
    let image = text(1, 50_000);
    assert!(thread.put("c", Put::Whole(image.clone())) > 25_000);
    assert!(thread.put("c", Put::Whole(image.clone())) < STEP);
    assert!(thread.put("d", Put::Whole(image.clone())) < STEP);
    assert!(thread.write(&image) < STEP);
    assert!(thread.put("f", Put::Whole(image)) < STEP);
    thread.write(&text(2, 3_000));
    assert!(thread.put("e", Put::Whole(text(2, 3_000))) < STEP);
}

#[test]
fn a_value_that_changed_in_the_middle_takes_what_changed() {
    let mut thread = Thread::new();
    let mut value = text(1, 50_000);
    thread.put("c", Put::Whole(value.clone()));
    for step in 0..50 {
        value.splice(20_000..20_100, text(step, 200));
        assert!(thread.put("c", Put::Whole(value.clone())) < 2 * STEP);
    }
}
