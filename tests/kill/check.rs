//! What was said to be saved, compared with what is.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};
use stepwell::db::Db;
use stepwell::graph::{CompiledGraph, HistoryQuery, StateSnapshot};
use stepwell::store::{Search, Store};

use crate::work::{self, PARTS, ROUNDS, Saved, number};

/// The state of a thread: its rounds, and what runs next.
type Place = (u64, String);

#[derive(Default)]
pub(crate) struct Witness {
    /// What was said to be saved, by thread.
    saved: BTreeMap<u64, Vec<Saved>>,
    /// Where the last check saw the latest thread.
    seen: BTreeMap<u64, Place>,
    /// The thread with which the last child was told to go on.
    first_touched: u64,
    pub(crate) acknowledged: u64,
    pub(crate) problems: Vec<String>,
}

impl Witness {
    /// The thread to go on with.
    pub(crate) fn thread(&self) -> u64 {
        self.seen.keys().max().copied().unwrap_or_default()
    }

    /// Takes down what a child said.
    pub(crate) fn hear(&mut self, lines: &[String]) {
        self.first_touched = self.thread();
        for line in lines.iter().filter_map(|line| line.strip_prefix('@')) {
            let words: Vec<&str> = line.trim_end().split(' ').collect();
            let at = |index: usize| -> u64 { words[index].parse().unwrap() };
            match words[0] {
                "begin" => {
                    let place = (at(2), words.get(3).copied().unwrap_or_default().to_owned());
                    let known = self.seen.get(&at(1)).cloned().unwrap_or_default();
                    if place != known {
                        let thread = at(1);
                        self.problem(thread, format!("stood at {known:?}, went on at {place:?}"));
                    }
                }
                "saved" => {
                    let saved = match words[2] {
                        "rounds" => Saved::Rounds(at(3)),
                        "parts" => Saved::Parts(at(3)),
                        _ => Saved::Item(at(3), at(4)),
                    };
                    self.saved.entry(at(1)).or_default().push(saved);
                    self.acknowledged += 1;
                }
                _ => self
                    .saved
                    .entry(at(1))
                    .or_default()
                    .push(Saved::Rounds(ROUNDS)),
            }
        }
    }

    /// Opens the database and looks at the threads that the last child can have touched, or at all.
    pub(crate) async fn check(&mut self, directory: &Path, all: bool) {
        let db = Db::open(directory).unwrap();
        let graph = work::graph(&db, |_, _| {});
        let mut threads: Vec<u64> = self.saved.keys().copied().collect();
        threads.push(threads.last().map_or(0, |last| last + 1));
        let first = self.first_touched;
        threads.retain(|thread| all || *thread >= first);
        for thread in threads {
            let config = work::config(thread);
            let history = graph.get_state_history(&config, HistoryQuery::default());
            let history = history.collect().await.unwrap();
            self.check_steps(thread, &history);
            let Some(latest) = history.first() else {
                if self.saved.contains_key(&thread) {
                    self.problem(thread, "it is gone".into());
                }
                continue;
            };
            self.check_saved(thread, &db, &latest.values).await;
            self.look_where_it_stands(thread, &graph).await;
        }
        db.close().unwrap();
    }

    async fn look_where_it_stands(&mut self, thread: u64, graph: &CompiledGraph) {
        let live = graph.get_state(&work::config(thread)).await.unwrap();
        let place = (number(&live.values["rounds"]), live.next.join(","));
        self.seen.insert(thread, place);
    }

    /// Every checkpoint is a whole step, and each follows the one before.
    fn check_steps(&mut self, thread: u64, history: &[StateSnapshot]) {
        let mut expected = Vec::new();
        for (newer, older) in history.iter().zip(history.iter().skip(1)) {
            if newer.parent_config.as_ref() != Some(&older.config) {
                expected.push(format!("{:?} does not follow the one before", newer.config));
            }
        }
        for snapshot in history {
            let values = &snapshot.values;
            let rounds = number(&values["rounds"]);
            let gathered: Vec<u64> = (0..rounds).collect();
            let parts = |rounds: u64| -> Vec<Value> {
                (0..rounds)
                    .flat_map(|r| (0..PARTS).map(move |p| json!([r, p])))
                    .collect()
            };
            let parts_are_whole = values["parts"] == json!(parts(rounds))
                || values["parts"] == json!(parts(rounds + 1));
            if values["gathered"] != json!(gathered) || !parts_are_whole {
                expected.push(format!("a half step: {values}"));
            }
        }
        for problem in expected {
            self.problem(thread, problem);
        }
    }

    /// All that was said to be saved is there.
    async fn check_saved(&mut self, thread: u64, db: &Db, latest: &Value) {
        let name = format!("thread-{thread}");
        let search = Search::new(&["parts", &name]).limit(usize::MAX);
        let items = db.store().search(search).await.unwrap();
        let items: Vec<Value> = items.into_iter().map(|item| item.value).collect();
        let (rounds, parts) = (&latest["rounds"], latest["parts"].as_array().unwrap().len());
        let mut missing = Vec::new();
        for saved in self.saved.get(&thread).into_iter().flatten() {
            let there = match *saved {
                Saved::Rounds(wanted) => number(rounds) >= wanted,
                Saved::Parts(round) => parts as u64 >= (round + 1) * PARTS,
                Saved::Item(round, part) => items.contains(&json!({"round": round, "part": part})),
            };
            if !there {
                missing.push(format!(
                    "{saved:?} was acknowledged and is missing in {latest}"
                ));
            }
        }
        for problem in missing {
            self.problem(thread, problem);
        }
    }

    fn problem(&mut self, thread: u64, problem: String) {
        self.problems.push(format!("thread {thread}: {problem}"));
    }
}

/// Copies a database as it lies there.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let Ok(entries) = std::fs::read_dir(from) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
