//! What has expired is removed.

use std::ops::ControlFlow;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::json;
use stepwell::db::VerifyOptions;
use stepwell::store::{Put, Store, StoreOptions};

use crate::database::{Database, Reopening, options};

fn items(database: &Database) -> u64 {
    database.db().stats().unwrap().items
}

fn wait_until(what: impl Fn() -> bool) {
    let began = Instant::now();
    while !what() {
        assert!(began.elapsed() < Duration::from_secs(20));
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_sweeper_removes_what_has_expired_and_nothing_else() {
    let swept = StoreOptions::default().sweep_interval(Duration::from_millis(10));
    let mut database = Database::with(options().store(swept));
    let put = |database: &Database, key: String, ttl| {
        let put = Put::new(&["a"], key, json!({"n": 1})).ttl(ttl);
        database.db().store().blocking().put_with(put).unwrap();
    };
    for number in 0..600 {
        put(&database, number.to_string(), Duration::from_millis(1));
    }
    put(&database, "long".into(), Duration::from_secs(3600));
    wait_until(|| items(&database) == 1);
    put(&database, "left".into(), Duration::from_millis(1));
    // What expired while nobody was there is removed as well.
    for reopening in [Reopening::Unclean, Reopening::Clean] {
        database.reopen(reopening);
        wait_until(|| items(&database) == 1);
    }
    database.db().compact().unwrap();
    database.reopen(Reopening::Unclean);
    let item = database
        .db()
        .store()
        .blocking()
        .get(&["a"], "long")
        .unwrap();
    assert_eq!(item.unwrap().value, json!({"n": 1}));
    assert_eq!(items(&database), 1);
    let goes_on = &mut |_| ControlFlow::Continue(());
    let report = database
        .db()
        .verify(VerifyOptions::default(), goes_on)
        .unwrap();
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}
