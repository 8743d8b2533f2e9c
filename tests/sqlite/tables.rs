//! LangGraph's tables, as Python leaves them.

use std::time::{Duration, SystemTime};

use futures::executor::block_on;
use rusqlite::Connection;
use serde_json::json;
use stepwell::sqlite::SqliteStore;
use stepwell::store::{Ending, Filter, Get, Order, Search, Store, StoreError, StoreOptions};
use tempfile::TempDir;

/// As LangGraph puts an item.
const PUT: &str = "INSERT OR REPLACE INTO store (prefix, key, value, created_at, updated_at, expires_at, ttl_minutes)
    VALUES (?1, ?2, ?3, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP, NULL, NULL)";

fn opened() -> (TempDir, SqliteStore, Connection) {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("items.sqlite");
    let store = SqliteStore::open(&path).unwrap();
    let python = Connection::open(&path).unwrap();
    // As Python's module leaves it.
    python.execute_batch("PRAGMA foreign_keys = OFF").unwrap();
    (directory, store, python)
}

fn put(python: &Connection, prefix: &str, key: &str, value: &str) {
    python
        .execute(PUT, (prefix, key, value.as_bytes()))
        .unwrap();
}

#[test]
fn items_with_one_time_come_in_the_order_of_their_names() {
    let (_directory, store, python) = opened();
    for (prefix, key) in [
        ("a-b", "k"),
        ("a.b", "k"),
        ("a", "z"),
        ("a.b.c", "k"),
        ("a", "b"),
        ("ab", "k"),
    ] {
        put(&python, prefix, key, "{}");
    }
    let same =
        "UPDATE store SET created_at = '2026-11-21 10:00:00', updated_at = '2026-11-21 10:00:00'";
    python.execute(same, ()).unwrap();
    for order in [Order::Updated, Order::Created, Order::Key] {
        let mut search = Search::new(&[]).order(order).limit(1);
        let mut found = Vec::new();
        while let Some(next) = {
            let page = block_on(store.page(search.clone())).unwrap();
            found.extend(
                page.items
                    .iter()
                    .map(|item| format!("{}/{}", item.namespace.join("."), item.key)),
            );
            page.next
        } {
            search.after = Some(next);
        }
        assert_eq!(
            found,
            ["a/b", "a/z", "a.b/k", "a.b.c/k", "a-b/k", "ab/k"],
            "{order:?}"
        );
    }
}

#[test]
fn what_python_replaces_and_deletes_is_kept() {
    let (_directory, store, python) = opened();
    put(&python, "a", "k", r#"{"n": 1}"#);
    python.execute("UPDATE store SET created_at = datetime('now', '-1 hour'), updated_at = datetime('now', '-1 hour')", ()).unwrap();
    let first = SystemTime::now() - Duration::from_secs(1800);
    put(&python, "a", "k", r#"{"n": 2}"#);
    block_on(store.put(&["a"], "k", json!({"n": 3}))).unwrap();
    python.execute("DELETE FROM store", ()).unwrap();
    let history = block_on(store.history(&["a"], "k")).unwrap();
    let versions = history
        .versions
        .iter()
        .map(|of| (of.item.value["n"].clone(), of.ended.unwrap().how));
    assert_eq!(
        versions.collect::<Vec<_>>(),
        [
            (json!(3), Ending::Deleted),
            (json!(2), Ending::Replaced),
            (json!(1), Ending::Replaced)
        ]
    );
    // The file was made after that, so nobody knows whether there was something else.
    let then = block_on(store.get_with(Get::new(&["a"], "k").as_of(first.into())));
    assert_eq!(then.unwrap().unwrap().value["n"], 1);
    let before = first - Duration::from_secs(7200);
    let then = block_on(store.get_with(Get::new(&["a"], "k").as_of(before.into())));
    assert!(matches!(then, Err(StoreError::NotKept { .. })), "{then:?}");
}

#[test]
fn what_is_kept_for_too_long_is_removed() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("items.sqlite");
    let options = StoreOptions::default().history(&["short"], Some(Duration::from_millis(1)));
    let store = SqliteStore::open_with(&path, options).unwrap();
    for n in 0..3 {
        block_on(store.put(&["short"], "k", json!(n))).unwrap();
        block_on(store.put(&["long"], "k", json!(n))).unwrap();
        std::thread::sleep(Duration::from_millis(3));
    }
    let versions = |namespace: &str| {
        block_on(store.history(&[namespace], "k"))
            .unwrap()
            .versions
            .len()
    };
    assert_eq!((versions("short"), versions("long")), (1, 3));
    block_on(store.put(&["other"], "k", json!(1))).unwrap();
    let rows = "SELECT COUNT(*) FROM stepwell_item_history WHERE prefix = 'short'";
    let left: i64 = Connection::open(&path)
        .unwrap()
        .query_row(rows, (), |row| row.get(0))
        .unwrap();
    assert_eq!(left, 0);
}

#[test]
fn vectors_of_what_an_item_was_do_not_stay() {
    let (_directory, store, python) = opened();
    let table = "CREATE TABLE store_vectors (prefix text NOT NULL, key text NOT NULL, field_name text NOT NULL,
        embedding BLOB, PRIMARY KEY (prefix, key, field_name),
        FOREIGN KEY (prefix, key) REFERENCES store(prefix, key) ON DELETE CASCADE)";
    python.execute_batch(table).unwrap();
    for key in ["put", "deleted", "left"] {
        put(&python, "a", key, r#"{"text": "x"}"#);
        python
            .execute(
                "INSERT INTO store_vectors VALUES ('a', ?1, '$', x'00')",
                [key],
            )
            .unwrap();
    }
    block_on(store.put(&["a"], "put", json!({"text": "y"}))).unwrap();
    block_on(store.delete(&["a"], "deleted")).unwrap();
    let left: String = python
        .query_row("SELECT group_concat(key) FROM store_vectors", (), |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(left, "left");
}

#[test]
fn a_search_reads_no_more_than_it_needs() {
    let (_directory, store, python) = opened();
    python.execute_batch("BEGIN").unwrap();
    for n in 0..2_000 {
        put(
            &python,
            "many.x",
            &format!("{n:04}"),
            &format!(r#"{{"n": {n}, "s": "x{}"}}"#, n % 100),
        );
    }
    python.execute_batch("COMMIT").unwrap();
    let rows = |search: Search| block_on(store.explain(search)).unwrap().rows_read;
    assert_eq!(rows(Search::new(&[]).limit(10)), 10);
    assert_eq!(
        rows(Search::new(&["many"]).order(Order::Key).limit(10).offset(5)),
        15
    );
    assert_eq!(rows(Search::new(&["many"]).filter(Filter::eq("n", 7))), 1);
    assert_eq!(
        rows(
            Search::new(&["many"])
                .filter(Filter::eq("s", "x7"))
                .limit(20)
        ),
        20
    );
    assert_eq!(
        rows(
            Search::new(&["many"])
                .filter(Filter::gte("n", 1_990))
                .limit(3)
        ),
        3
    );
    let all = rows(
        Search::new(&["many"])
            .filter(Filter::contains("s", "x7"))
            .limit(2_000),
    );
    assert_eq!(all, 2_000);
}
