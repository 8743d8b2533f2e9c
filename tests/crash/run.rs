//! [`Run`]: operations on a database on a simulated file system, with a model that keeps up.

use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use stepwell::checkpoint::{
    CheckpointError, Checkpointer, Prune, PruneRule, PutCheckpoint, RetentionPolicy, Tag,
};
use stepwell::db::{CompactionOptions, Compression, Db, DbError, Durability};
use stepwell::store::Store;
use stepwell::store::Ttl;
use stepwell::testing::{Random, SimFs};
use stepwell::vfs::Vfs;
use stepwell::{Commit, Encoded, ItemChange};

use crate::contents::{Contents, State, THREADS};
use crate::model::Refused;
use crate::operation::{Operation, Put};
use crate::recovery::Expected;

pub(crate) const PATH: &str = "/a/db";
pub(crate) const BACKUP: &str = "/a/backup";

/// How databases are opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Setup {
    pub(crate) durability: Durability,
    pub(crate) segment_bytes: u64,
    pub(crate) index_bytes: usize,
    pub(crate) hot_bytes: usize,
    pub(crate) compression: Compression,
}

/// Operations on a database, with what is to be expected of it.
pub(crate) struct Run {
    pub(crate) fs: SimFs,
    pub(crate) setup: Setup,
    /// What it should be after so many operations.
    pub(crate) states: Vec<Rc<State>>,
    /// After how many operations nothing may be lost if the process is killed.
    pub(crate) acknowledged: usize,
    /// After how many operations nothing may be lost if the power is cut.
    pub(crate) durable: usize,
    /// Between which states is the last backup that was finished.
    pub(crate) backup: Option<(usize, usize)>,
    /// The last operation was a backup, which may not have been finished.
    pub(crate) backing_up: bool,
    /// What the medium acknowledges may not be there.
    pub(crate) lies: bool,
    db: Option<Db>,
    waiting: Vec<(usize, Commit<CheckpointError>, Result<(), Refused>)>,
    /// When which state was acknowledged.
    written: Vec<(Instant, usize)>,
}

/// Why a run cannot go on without being opened again.
#[derive(Debug)]
#[expect(dead_code, reason = "shown when a run fails that should not")]
pub(crate) struct Failed(String);

impl Setup {
    pub(crate) fn random(random: &mut Random) -> Self {
        let intervals = [Duration::from_millis(1), Duration::from_millis(50)];
        let interval = *random.pick(&intervals).unwrap();
        let durability = match random.below(8) {
            0 => Durability::Os,
            1 => Durability::Interval(interval),
            _ => Durability::Sync,
        };
        let compressions = [Compression::Long, Compression::None];
        Self {
            durability,
            segment_bytes: *random.pick(&[2048, 8192, 40_000]).unwrap(),
            index_bytes: *random.pick(&[8 << 10, 40 << 10, 64 << 20]).unwrap(),
            hot_bytes: *random.pick(&[0, 4096, 1 << 20]).unwrap(),
            compression: *random.pick(&compressions).unwrap(),
        }
    }

    pub(crate) fn open(&self, fs: &SimFs, path: &str) -> Result<Db, DbError> {
        Db::options()
            .durability(self.durability)
            .segment_bytes(self.segment_bytes)
            .index_memory_bytes(self.index_bytes)
            .index_cache_bytes(1 << 20)
            .hot_bytes(self.hot_bytes)
            .compression(self.compression)
            .compaction(CompactionOptions {
                background: false,
                ..CompactionOptions::default()
            })
            .vfs(Arc::new(fs.clone()))
            .open(path)
    }
}

impl Run {
    pub(crate) fn new(fs: SimFs, setup: Setup) -> Self {
        Self {
            fs,
            setup,
            states: vec![Rc::default()],
            acknowledged: 0,
            durable: 0,
            backup: None,
            backing_up: false,
            lies: false,
            db: None,
            waiting: Vec::new(),
            written: Vec::new(),
        }
    }

    /// Whether it is known what is refused in this state, which was found among those expected: another one that looks the same may
    /// remember other deletions.
    pub(crate) fn is_certain(&self, state: usize, expected: &Expected) -> bool {
        let found = self.states.get(state).unwrap();
        let mut alike = (expected.states.clone())
            .filter_map(|state| self.states.get(state))
            .filter(|other| other.contents == found.contents);
        alike.all(|other| {
            (&other.model.deleted, &other.model.pruned)
                == (&found.model.deleted, &found.model.pruned)
        })
    }

    /// Goes on with what a crash has left, which was found to be like this state.
    pub(crate) fn go_on(&mut self, fs: SimFs, state: usize) {
        self.waiting.clear();
        self.db = None;
        self.states.truncate(state + 1);
        self.acknowledged = state;
        // What an open has believed is durable.
        self.durable = state;
        self.written.clear();
        self.backup = (self.backup).filter(|(_, most)| *most <= state && !self.backing_up);
        self.fs = fs;
    }

    pub(crate) fn open(&mut self) -> Result<(), Failed> {
        if self.db.is_none() {
            self.db = Some(self.setup.open(&self.fs, PATH).map_err(failed)?);
        }
        Ok(())
    }

    fn db(&self) -> &Db {
        self.db.as_ref().unwrap()
    }

    /// The database, unless it could not be opened.
    pub(crate) fn open_db(&self) -> Option<&Db> {
        self.db.as_ref()
    }

    pub(crate) fn contents(&self) -> &Contents {
        &self.states.last().unwrap().contents
    }

    fn now(&self) -> Instant {
        self.fs.host().now()
    }

    /// How many operations were begun.
    pub(crate) fn begun(&self) -> usize {
        self.states.len() - 1
    }

    /// Begins an operation, and waits for it and all before it if that is asked for.
    pub(crate) fn run(&mut self, operation: &Operation, wait: bool) -> Result<(), Failed> {
        self.backing_up = matches!(operation, Operation::Backup);
        let mut state = State::clone(self.states.last().unwrap());
        let saver = self.db().checkpointer();
        let (expected, commit) = match operation {
            Operation::Put(put) => {
                let expected = put_to(&mut state, put);
                self.begin(state);
                let (put, items) = handed(put);
                (expected, saver.put_with_items(put, items))
            }
            Operation::Writes(writes) => {
                let expected = state.model.put_writes(writes.clone());
                self.begin(state);
                (expected, saver.put_writes(writes.clone()))
            }
            Operation::Policy(thread, last) => {
                match last {
                    Some(last) => state.policies.insert(thread.clone(), *last),
                    None => state.policies.remove(thread),
                };
                self.begin(state);
                (Ok(()), saver.set_retention(thread, last.map(keep_last)))
            }
            Operation::Delete(thread) => {
                state.model.delete(thread, []);
                state.policies.remove(thread);
                self.begin(state);
                (Ok(()), saver.delete_thread(thread))
            }
            Operation::Copy(source, target) => {
                let expected = state.model.copy(source, target);
                self.begin(state);
                (expected, saver.copy_thread(source, target))
            }
            Operation::Tag(thread, namespace, name, id) => {
                let expected = state.model.tag(thread, namespace, name, id);
                self.begin(state);
                let tag = Tag {
                    thread: thread.clone(),
                    namespace: namespace.clone(),
                    name: name.clone(),
                    checkpoint_id: id.clone(),
                };
                (expected, saver.tag(tag))
            }
            Operation::Untag(thread, namespace, name) => {
                state.model.untag(thread, namespace, name);
                self.begin(state);
                (Ok(()), saver.untag(thread, namespace, name))
            }
            other => return self.run_at_once(other, state),
        };
        self.waiting.push((self.begun(), commit, expected));
        if wait { self.wait() } else { Ok(()) }
    }

    fn run_at_once(&mut self, operation: &Operation, mut state: State) -> Result<(), Failed> {
        match operation {
            Operation::Item(key, value) => {
                state.put_item(key, value.clone());
                self.begin(state);
                let store = self.db().store();
                let done = match value {
                    Some(value) => block_on(store.put(&["items"], key, value.clone())),
                    None => block_on(store.delete(&["items"], key)),
                };
                done.map_err(failed)?;
                self.acknowledge(self.begun());
            }
            Operation::Prune(thread, last) => {
                self.wait()?;
                let expected = state.model.keep_last(thread, *last);
                self.begin(state);
                let prune = Prune {
                    thread: Some(thread.clone()),
                    rule: PruneRule::KeepLast(*last),
                };
                let saver = self.db().checkpointer();
                let report = block_on(saver.prune(prune)).map_err(failed)?;
                assert_eq!(report.checkpoints, expected, "{operation:?}");
                self.acknowledge(self.begun());
            }
            Operation::Retain(last) => {
                self.wait()?;
                let mut expected = 0;
                for thread in THREADS {
                    expected += state.retain(thread, *last);
                    self.begin(state.clone());
                }
                let saver = self.db().checkpointer();
                let report = block_on(saver.apply_retention(keep_last(*last))).map_err(failed)?;
                assert_eq!(report.checkpoints, expected, "{operation:?}");
                self.acknowledge(self.begun());
            }
            Operation::Compact => drop(self.db().compact().map_err(failed)?),
            Operation::Backup => {
                let least = self.acknowledged;
                self.db().backup(BACKUP).map_err(failed)?;
                self.backup = Some((least, self.begun()));
            }
            Operation::Sync => {
                self.db().sync().map_err(failed)?;
                self.wait()?;
                self.durable = self.begun();
            }
            Operation::Rest(time) => {
                self.fs.work();
                self.fs.advance(*time);
                self.rest();
            }
            Operation::Reopen => {
                self.wait()?;
                let db = self.db.take().unwrap();
                db.close().map_err(failed)?;
                self.acknowledge(self.begun());
                self.durable = self.begun();
                self.open()?;
                assert!(self.db().recovery().clean || self.lies);
            }
            other => panic!("{other:?} waits"),
        }
        Ok(())
    }

    /// Has the background jobs do what is due.
    pub(crate) fn rest(&mut self) {
        let now = self.now();
        self.fs.work();
        self.fs.work();
        if let Durability::Interval(interval) = self.setup.durability {
            let due = self.written.iter().filter(|(at, _)| *at + interval <= now);
            self.durable = due.map(|(_, state)| *state).fold(self.durable, usize::max);
        }
    }

    /// Waits for everything that was begun.
    pub(crate) fn wait(&mut self) -> Result<(), Failed> {
        for (number, commit, expected) in std::mem::take(&mut self.waiting) {
            let outcome = match commit.wait() {
                Ok(()) => Ok(()),
                Err(
                    CheckpointError::ThreadDeleted { .. }
                    | CheckpointError::Pruned { .. }
                    | CheckpointError::NothingToCopy { .. }
                    | CheckpointError::ThreadExists { .. }
                    | CheckpointError::NoSuchCheckpoint { .. },
                ) => Err(Refused),
                Err(error) => return Err(failed(error)),
            };
            assert_eq!(outcome, expected, "operation {number}");
            self.acknowledge(number);
        }
        Ok(())
    }

    fn begin(&mut self, mut state: State) {
        state.settle();
        self.states.push(Rc::new(state));
    }

    fn acknowledge(&mut self, state: usize) {
        self.acknowledged = self.acknowledged.max(state);
        self.written.push((self.now(), state));
        if self.setup.durability == Durability::Sync {
            self.durable = self.durable.max(state);
        }
    }
}

fn keep_last(last: u64) -> RetentionPolicy {
    RetentionPolicy {
        keep_last: Some(last),
        ..RetentionPolicy::default()
    }
}

fn put_to(state: &mut State, put: &Put) -> Result<(), Refused> {
    let outcome = state.model.put(put.whole.clone(), |_| false);
    if outcome.is_ok() {
        for (key, value) in &put.items {
            state.put_item(key, value.clone());
        }
    }
    outcome
}

/// What the database is given.
fn handed(put: &Put) -> (PutCheckpoint, Vec<ItemChange>) {
    let mut whole = put.whole.clone();
    if let Some(added) = &put.appended {
        whole.checkpoint.channel_values.remove("list");
        whole.appended = [("list".to_owned(), added.clone())].into();
    }
    let items = put.items.iter().map(|(key, value)| ItemChange {
        namespace: vec!["items".to_owned()],
        key: key.clone(),
        value: value.as_ref().map(Encoded::json),
        ttl: Ttl::default(),
        index: None,
        texts: None,
        vectors: None,
    });
    (whole, items.collect())
}

fn failed(error: impl std::error::Error) -> Failed {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    Failed(text)
}
