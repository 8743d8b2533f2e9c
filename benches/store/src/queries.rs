//! What is asked of both, in turn.

use std::time::Instant;

use serde_json::{Value, json};

use crate::Plan;
use crate::items::{GROUP, Items, mixed};
use crate::report::Report;
use crate::sqlite::Sqlite;
use crate::stepwell_store::Stepwell;

/// Something to find.
pub(crate) enum Query {
    Get(u64),
    /// Where a field is this.
    Equal(&'static str, Value),
    /// Where `n` is between these.
    Range(u64, u64),
    /// Of a kind, with a score above this, where `n` is between these.
    Compound(&'static str, u64, (u64, u64)),
    /// The newest ten.
    Newest,
    /// The newest ten of all namespaces.
    NewestOfAll,
    Namespaces,
}

type Make = fn(u64, &Items) -> Query;

const QUERIES: [(&str, Make, usize); 8] = [
    ("get", |n, items| Query::Get(n % items.large), 1),
    (
        "equality, 10 hits",
        |n, items| {
            let group = n % (items.large / GROUP);
            Query::Equal("group", json!(format!("group-{group}")))
        },
        1,
    ),
    (
        "range, 10 hits",
        |n, items| {
            let from = n % (items.large - 10);
            Query::Range(from, from + 10)
        },
        1,
    ),
    (
        "range, newest 10 of 1,000",
        |n, items| {
            let width = (items.large / 2).min(1000);
            let from = n % (items.large - width);
            Query::Range(from, from + width)
        },
        10,
    ),
    (
        "compound, newest 10",
        |n, items| {
            let width = (items.large / 2).min(1000);
            let from = n % (items.large - width);
            Query::Compound("travel", 5_000, (from, from + width))
        },
        10,
    ),
    ("newest 10", |_, _| Query::Newest, 1),
    ("newest 10 of all namespaces", |_, _| Query::NewestOfAll, 50),
    ("list_namespaces, all 1,000", |_, _| Query::Namespaces, 50),
];

pub(crate) fn run(plan: &Plan, ours: &Stepwell, theirs: &Sqlite, report: &mut Report) {
    for round in 0..plan.rounds {
        for (what, make, slower) in QUERIES {
            let count = (plan.queries / slower).max(1);
            let seed = u64::try_from(round * plan.queries).unwrap();
            let queries: Vec<Query> = (0..count)
                .map(|n| make(mixed(seed + u64::try_from(n).unwrap()), &plan.items))
                .collect();
            let a = timed(&queries, |query| ours.ask(query));
            let b = timed(&queries, |query| theirs.ask(query));
            assert_eq!(a.1, b.1, "{what}");
            report.round(what, a.0, b.0);
        }
    }
}

/// Microseconds for each, and how much was found in all.
fn timed(queries: &[Query], mut ask: impl FnMut(&Query) -> usize) -> (f64, usize) {
    let start = Instant::now();
    let found = queries.iter().map(&mut ask).sum();
    let micros = start.elapsed().as_secs_f64() * 1e6;
    (micros / queries.len() as f64, found)
}

/// Puts into databases of their own, which hold 10,000 items.
pub(crate) fn puts(plan: &Plan, report: &mut Report) {
    let items = Items::new((plan.items.count / 10).min(10_000), false);
    for synced in [true, false] {
        let dir = tempfile::tempdir_in(&plan.dir).unwrap();
        let mut ours = Stepwell::open(&dir.path().join("stepwell"), synced);
        let mut few = Stepwell::open(&dir.path().join("few"), synced).with_few_fields();
        let mut theirs = Sqlite::open(&dir.path().join("sqlite"), synced);
        let level = match synced {
            true => "Sync, FULL",
            false => "Os, NORMAL",
        };
        let mut next = items.count;
        ours.put_all((0..next).map(|n| (n, 0)), &items);
        few.put_all((0..next).map(|n| (n, 0)), &items);
        theirs.put_all((0..next).map(|n| (n, 0)), &items);
        for round in 0..plan.rounds {
            let count = u64::try_from(plan.puts).unwrap();
            let new: Vec<_> = (next..next + count).map(|n| (n, 0)).collect();
            let version = u64::try_from(round).unwrap() + 1;
            let again: Vec<_> = (0..count)
                .map(|n| (mixed(n + next) % next, version))
                .collect();
            next += count;
            for (what, puts) in [("new", &new), ("again", &again)] {
                let a = each(puts, |put| ours.put(put, &items));
                let c = each(puts, |put| few.put(put, &items));
                let b = each(puts, |put| theirs.put(put, &items));
                report.round(
                    &format!("put, {what} ({level}), all 8 fields in the index"),
                    a,
                    b,
                );
                report.round(
                    &format!("put, {what} ({level}), 3 fields in the index"),
                    c,
                    b,
                );
            }
            let a = each(&[()], |()| ours.put_all(again.iter().copied(), &items)) / count as f64;
            let b = each(&[()], |()| theirs.put_all(again.iter().copied(), &items)) / count as f64;
            report.round(&format!("put, again, batches of 100 ({level})"), a, b);
        }
    }
}

fn each<T>(all: &[T], mut with: impl FnMut(&T)) -> f64 {
    let start = Instant::now();
    all.iter().for_each(&mut with);
    start.elapsed().as_secs_f64() * 1e6 / all.len() as f64
}
