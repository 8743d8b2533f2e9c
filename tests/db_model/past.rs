//! What stores were, against a list of all that they ever were.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use futures::executor::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell::checkpoint::{
    ChannelVersion, Checkpoint, Checkpointer, Metadata, Prune, PruneRule, PutCheckpoint, Source,
};
use stepwell::db::VerifyOptions;
use stepwell::store::{
    Ending, MemoryStore, Moment, Order, Put, Search, Store, StoreError, StoreOptions,
};
use stepwell::{Encoded, ItemChange};

use crate::cases::cases;
use crate::database::{Database, Reopening, options};

/// Of the first all is kept, of the second what ended lately, of the third sometimes.
const NAMESPACES: [&[&str]; 4] = [&["all"], &["all", "of"], &["late"], &["some"]];
const KEYS: [&str; 3] = ["a", "b", "\0"];

#[derive(Clone, Debug)]
enum Op {
    Put(usize, usize, u8),
    /// With a checkpoint.
    PutWith(usize, usize, u8),
    /// With a life that ends at once.
    Fleeting(usize, usize),
    Delete(usize, usize),
    Checkpoint,
    Prune,
    Trim,
    Sweep,
    Compact,
    /// Whether the third is kept from now on.
    Reopen(Reopening, bool),
}

fn op() -> impl Strategy<Value = Op> {
    let at = || (0..NAMESPACES.len(), 0..KEYS.len());
    prop_oneof![
        6 => (at(), any::<u8>()).prop_map(|((n, k), v)| Op::Put(n, k, v)),
        2 => (at(), any::<u8>()).prop_map(|((n, k), v)| Op::PutWith(n, k, v)),
        1 => at().prop_map(|(n, k)| Op::Fleeting(n, k)),
        3 => at().prop_map(|(n, k)| Op::Delete(n, k)),
        2 => Just(Op::Checkpoint),
        1 => Just(Op::Prune),
        1 => Just(Op::Trim),
        1 => Just(Op::Sweep),
        2 => Just(Op::Compact),
        1 => any::<bool>().prop_map(|some| Op::Reopen(Reopening::Clean, some)),
        2 => any::<bool>().prop_map(|some| Op::Reopen(Reopening::Unclean, some)),
    ]
}

type Items = BTreeMap<(usize, usize), Value>;

/// What there was, and when.
struct Then {
    checkpoint: String,
    moment: Moment,
    time: Moment,
    items: Items,
}

fn of_store(some: bool) -> StoreOptions {
    let kept = some.then_some(Duration::from_secs(3600));
    StoreOptions::default()
        .history(&["late"], Some(Duration::from_millis(1)))
        .history(&["some"], kept)
        .sweep_interval(Duration::from_millis(1))
}

fn checkpoint(id: &str, parent: Option<&str>) -> PutCheckpoint {
    let version = ChannelVersion::Int(1);
    PutCheckpoint {
        thread: "t".into(),
        namespace: String::new(),
        parent_id: parent.map(Into::into),
        checkpoint: Checkpoint {
            id: id.into(),
            ts: "2126-11-21T00:00:00.000000+00:00".into(),
            channel_values: [("c".into(), Encoded::json(&json!(id)))].into(),
            channel_versions: [("c".into(), version.clone())].into(),
            ..Checkpoint::default()
        },
        metadata: Metadata::new(Source::Loop, 1),
        appended: [].into(),
        new_versions: [("c".into(), version)].into(),
    }
}

/// What a store says of each of its items, `must` it or not.
fn compare(store: &dyn Store, moment: Moment, then: &Items, must: impl Fn(usize) -> bool) {
    for (n, namespace) in NAMESPACES.iter().enumerate() {
        for (k, key) in KEYS.iter().enumerate() {
            let expected = then.get(&(n, k));
            match block_on(store.get_as_of(namespace, key, moment)) {
                Ok(item) => {
                    assert_eq!(
                        item.map(|item| item.value).as_ref(),
                        expected,
                        "{namespace:?} {key:?}"
                    );
                }
                Err(StoreError::NotKept { .. }) => assert!(!must(n), "{namespace:?} {key:?}"),
                Err(error) => panic!("{error}"),
            }
        }
        let search = Search::new(namespace).order(Order::Key).as_of(moment);
        match block_on(store.search(search)) {
            Ok(found) => {
                let found = found
                    .iter()
                    .map(|item| (&*item.namespace, &*item.key, &item.value));
                let mut expected: Vec<_> = (then.iter())
                    .map(|((n, k), value)| (NAMESPACES[*n], KEYS[*k], value))
                    .filter(|(of, ..)| of.starts_with(namespace))
                    .collect();
                expected.sort_by_key(|(of, key, _)| (*of, *key));
                let expected: Vec<_> = expected
                    .iter()
                    .map(|(n, k, v)| {
                        (
                            n.iter().map(ToString::to_string).collect::<Vec<_>>(),
                            *k,
                            *v,
                        )
                    })
                    .collect();
                let found: Vec<_> = found.map(|(n, k, v)| (n.to_vec(), k, v)).collect();
                assert_eq!(found, expected);
            }
            Err(StoreError::NotKept { .. }) => assert!(!must(n)),
            Err(error) => panic!("{error}"),
        }
    }
}

/// What became of a version of an item of the first namespace.
type Version = (Value, Option<Ending>);

fn versions(store: &dyn Store, key: usize) -> Vec<Version> {
    let history = block_on(store.history(NAMESPACES[0], KEYS[key])).unwrap();
    let versions = history.versions.into_iter();
    versions
        .map(|version| (version.item.value, version.ended.map(|ended| ended.how)))
        .collect()
}

struct Model {
    database: Database,
    memory: MemoryStore,
    items: Items,
    then: Vec<Then>,
    /// The newest first.
    versions: [Vec<Version>; KEYS.len()],
    /// Before which moments the third may not be known.
    some: usize,
    keeps_some: bool,
    /// It is kept, but nothing was written since that was said.
    begins: bool,
}

impl Model {
    fn end(&mut self, n: usize, k: usize, how: Ending) {
        if let (0, Some(last)) = (n, self.versions[k].first_mut()) {
            last.1.get_or_insert(how);
        }
    }

    fn put(&mut self, n: usize, k: usize, value: Value) {
        self.end(n, k, Ending::Replaced);
        if n == 0 {
            self.versions[k].insert(0, (value.clone(), None));
        }
        self.items.insert((n, k), value);
        self.wrote();
    }

    fn delete(&mut self, n: usize, k: usize) {
        if self.items.remove(&(n, k)).is_some() {
            self.end(n, k, Ending::Deleted);
        }
        self.wrote();
    }

    fn wrote(&mut self) {
        self.begins = false;
    }

    /// Puts a checkpoint, and notes what there is.
    fn remember(&mut self, change: Option<(usize, usize, Value)>) {
        sleep(Duration::from_micros(2));
        let id = format!("{:04}", self.then.len());
        let parent = self.then.last().map(|then| then.checkpoint.clone());
        let put = checkpoint(&id, parent.as_deref());
        let saver = self.database.db().checkpointer();
        match change {
            None => saver.put(put).wait().unwrap(),
            Some((n, k, value)) => {
                let change = ItemChange {
                    namespace: NAMESPACES[n].iter().map(ToString::to_string).collect(),
                    key: KEYS[k].into(),
                    value: Some(Encoded::json(&value)),
                    ttl: Default::default(),
                    index: None,
                };
                saver.put_with_items(put, vec![change]).wait().unwrap();
                block_on(self.memory.put(NAMESPACES[n], KEYS[k], value.clone())).unwrap();
                self.put(n, k, value);
            }
        }
        let moment = self
            .database
            .db()
            .moment("t", "", Some(&id))
            .unwrap()
            .unwrap();
        if !self.keeps_some || self.begins {
            self.some = self.then.len() + 1;
        }
        sleep(Duration::from_micros(2));
        self.then.push(Then {
            checkpoint: id,
            moment,
            time: Moment::at(SystemTime::now()),
            items: self.items.clone(),
        });
    }

    fn check(&self) {
        let store = self.database.db().store();
        for (number, then) in self.then.iter().enumerate() {
            let must = |n: usize| n < 2 || n == 3 && number >= self.some;
            // No item of then has expired: the checkpoints say that they are from the future.
            compare(&store, then.moment, &then.items, must);
            compare(&store, then.time, &then.items, must);
            compare(&self.memory, then.time, &then.items, |n| n < 2);
            let found = self
                .database
                .db()
                .moment("t", "", Some(&then.checkpoint))
                .unwrap();
            assert!(found.is_none_or(|found| found == then.moment));
        }
        for (key, expected) in self.versions.iter().enumerate() {
            assert_eq!(&versions(&store, key), expected);
            assert_eq!(&versions(&self.memory, key), expected);
        }
    }
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn stores_were_what_a_list_says(ops in vec(op(), 0..30)) {
        let mut model = Model {
            database: Database::with(options().store(of_store(true))),
            memory: MemoryStore::with_options(of_store(false)),
            items: Items::new(),
            then: Vec::new(),
            versions: Default::default(),
            some: 0,
            keeps_some: true,
            begins: false,
        };
        for op in ops.into_iter().chain([Op::Compact, Op::Reopen(Reopening::Unclean, true)]) {
            let db = model.database.db().clone();
            match op {
                Op::Put(n, k, v) => {
                    let value = json!({"v": v});
                    block_on(db.store().put(NAMESPACES[n], KEYS[k], value.clone())).unwrap();
                    block_on(model.memory.put(NAMESPACES[n], KEYS[k], value.clone())).unwrap();
                    model.put(n, k, value);
                    drop(db);
                    model.remember(None);
                }
                Op::PutWith(n, k, v) => model.remember(Some((n, k, json!({"v": v})))),
                Op::Fleeting(n, k) => {
                    let put = Put::new(NAMESPACES[n], KEYS[k], json!(0)).ttl(Duration::ZERO);
                    block_on(db.store().put_with(put.clone())).unwrap();
                    block_on(model.memory.put_with(put)).unwrap();
                    model.put(n, k, json!(0));
                    model.end(n, k, Ending::Expired);
                    model.items.remove(&(n, k));
                    drop(db);
                    model.remember(None);
                }
                Op::Delete(n, k) => {
                    block_on(db.store().delete(NAMESPACES[n], KEYS[k])).unwrap();
                    block_on(model.memory.delete(NAMESPACES[n], KEYS[k])).unwrap();
                    model.delete(n, k);
                }
                Op::Checkpoint => model.remember(None),
                Op::Prune => {
                    let thread = Some("t".to_owned());
                    let rule = PruneRule::KeepLast(2);
                    block_on(db.checkpointer().prune(Prune { thread, rule })).unwrap();
                }
                Op::Trim => {
                    sleep(Duration::from_millis(2));
                    db.trim_item_history().unwrap();
                    model.begins = false;
                }
                Op::Sweep => {
                    sleep(Duration::from_millis(2));
                    db.remove_expired_items().unwrap();
                }
                Op::Compact => drop(db.compact().unwrap()),
                Op::Reopen(how, some) => {
                    let goes_on = &mut |_| ControlFlow::Continue(());
                    let report = db.verify(VerifyOptions::default(), goes_on).unwrap();
                    assert!(report.findings.is_empty(), "{:?}", report.findings);
                    drop(db);
                    model.check();
                    model.database.options = options().store(of_store(some));
                    model.database.reopen(how);
                    // What was said last holds until something is written.
                    model.begins |= some && !model.keeps_some;
                    if !some || model.begins {
                        model.some = model.then.len();
                    }
                    model.keeps_some = some;
                    model.check();
                }
            }
        }
    }
}
