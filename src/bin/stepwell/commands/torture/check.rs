//! What is there, compared with what was acknowledged.

use std::path::Path;

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::{Checkpointer, ListQuery, Projection};
use stepwell::db::Db;
use stepwell::store::Store;

use super::acknowledged::Acknowledged;
use super::content::{NAME, cycle_of, number_of};
use crate::failure::Failure;

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    /// How many commits of the threads that were looked at are there.
    pub(super) commits: u64,
    /// What is wrong.
    pub(super) problems: Vec<String>,
    /// Bytes of commits that nobody was told of were cut.
    pub(super) torn: bool,
}

/// Opens the database, and looks at the threads of the processes that were acknowledged something.
pub(super) fn check(path: &Path, acknowledged: &Acknowledged) -> Result<Found, Failure> {
    let db = Db::open(path)?;
    let mut found = Found {
        torn: db.recovery().torn_tail.is_some(),
        ..Found::default()
    };
    let cycles = acknowledged.threads.keys().filter_map(|of| cycle_of(of));
    let first = cycles.min().unwrap_or_default();
    let mut names = threads(&db)?;
    names.retain(|of| cycle_of(of).is_some_and(|cycle| cycle >= first));
    for thread in acknowledged.threads.keys() {
        if !names.contains(thread) {
            found
                .problems
                .push(format!("{thread} was acknowledged and is not there"));
        }
    }
    for thread in names {
        let least = acknowledged.threads.get(&thread).copied();
        of_thread(&db, &thread, least.unwrap_or_default(), &mut found)?;
    }
    db.close()?;
    Ok(found)
}

/// A thread has all commits from the first to some last one, each whole, and the item of the last.
fn of_thread(db: &Db, thread: &str, least: u64, found: &mut Found) -> Result<(), Failure> {
    let mut history = db.checkpointer().list(ListQuery {
        thread: Some(thread.to_owned()),
        ..ListQuery::default()
    });
    let mut last = None;
    let mut expected = None;
    while let Some(checkpoint) = block_on(history.next()) {
        let checkpoint = checkpoint?;
        let id = &checkpoint.checkpoint.id;
        let Some(number) = number_of(&checkpoint) else {
            found
                .problems
                .push(format!("{thread}: commit {id} is there and not whole"));
            return Ok(());
        };
        if expected.is_some_and(|expected| expected != number) {
            found.problems.push(format!(
                "{thread}: what comes after commit {number} is missing"
            ));
        }
        last = last.or(Some(number));
        expected = number.checked_sub(1);
        found.commits += 1;
    }
    let count = last.map_or(0, |last| last + 1);
    if expected.is_some() {
        found
            .problems
            .push(format!("{thread}: its first commits are missing"));
    }
    if count < least {
        found.problems.push(format!(
            "{thread}: {least} commits were acknowledged, and {count} are there"
        ));
    }
    let item = block_on(db.store().get(&[NAME], thread))?.map(|item| item.value);
    if item != last.map(|last| json!(last)) {
        found
            .problems
            .push(format!("{thread}: the item of commit {last:?} is {item:?}"));
    }
    Ok(())
}

/// The names of all threads.
pub(super) fn threads(db: &Db) -> Result<Vec<String>, Failure> {
    let mut latest = db
        .checkpointer()
        .list_latest("", Projection::named([String::new()]));
    let mut names = Vec::new();
    while let Some(found) = block_on(latest.next()) {
        names.push(found?.thread);
    }
    Ok(names)
}

/// Whether there is nothing but what this command has made.
pub(super) fn is_own(path: &Path) -> Result<bool, Failure> {
    let db = Db::open(path)?;
    let names = threads(&db)?;
    let items = block_on(
        db.store()
            .search(stepwell::store::Search::new(&[]).limit(usize::MAX)),
    )?;
    db.close()?;
    let is_own = names.iter().all(|of| cycle_of(of).is_some());
    Ok(is_own && items.iter().all(|item| item.namespace == [NAME]))
}

/// The number of a process that comes after all that have been.
pub(super) fn next_cycle(path: &Path) -> Result<u64, Failure> {
    let db = Db::open(path)?;
    let names = threads(&db)?;
    db.close()?;
    let cycles = names.iter().filter_map(|of| cycle_of(of));
    Ok(cycles.max().map_or(0, |last| last + 1))
}
