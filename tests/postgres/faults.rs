//! The server goes away, is restarted, is full, or takes too long.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use futures::StreamExt;
use futures::executor::block_on;
use serde_json::json;
use stepwell::checkpoint::{Checkpointer, ListQuery};
use stepwell::graph::{Channel, CompiledGraph, Config, Input, START, State, StateGraph};
use stepwell::postgres::{Postgres, PostgresError, PostgresOptions, PostgresSaver};

use crate::samples::{With, checkpoint, values, writes};
use crate::saver::Saver;
use crate::server::Server;

const STEPS: usize = 20;

fn set_up(options: PostgresOptions) -> Option<(Server, PostgresSaver)> {
    let server = Server::start(&[])?;
    let postgres = options.connect(&server.database("faults")).unwrap();
    block_on(postgres.setup()).unwrap();
    Some((server, postgres.checkpointer()))
}

/// A chain of nodes that count how often they ran.
fn chain(saver: &PostgresSaver, ran: &Arc<AtomicUsize>) -> CompiledGraph {
    let mut graph = StateGraph::new().add_channel("begin", Channel::last());
    let mut last = START.to_owned();
    for step in 0..STEPS {
        let name = format!("n{step}");
        let ran = Arc::clone(ran);
        let channel = name.clone();
        graph = graph
            .add_channel(&name, Channel::last())
            .add_node(&name, move |_: State| {
                ran.fetch_add(1, Ordering::Relaxed);
                let channel = channel.clone();
                async move {
                    tokio::time::sleep(Duration::from_millis(15)).await;
                    json!({ channel: step })
                }
            })
            .add_edge(&last, &name);
        last = name;
    }
    graph.with_checkpointer(saver.clone()).compile().unwrap()
}

fn until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_goes_on_when_its_server_was_restarted() {
    let Some((mut server, saver)) = set_up(Postgres::options()) else {
        return;
    };
    let ran = Arc::new(AtomicUsize::new(0));
    let graph = chain(&saver, &ran);
    let config = Config::thread("t");
    let run = tokio::spawn(async move { graph.invoke(json!({"begin": 1}), &config).await });
    let server = tokio::task::spawn_blocking({
        let ran = Arc::clone(&ran);
        move || {
            until(|| ran.load(Ordering::Relaxed) >= 5);
            server.stop();
            server.run();
            until(|| ran.load(Ordering::Relaxed) >= 10);
            server.kill();
            server.run();
            server
        }
    });
    let server = server.await.unwrap();
    let outcome = tokio::time::timeout(Duration::from_secs(60), run).await;
    outcome.unwrap().unwrap().unwrap();
    assert_eq!(ran.load(Ordering::Relaxed), STEPS);
    let list: Vec<_> = saver.list(ListQuery::of("t", "")).collect().await;
    assert_eq!(list.len(), STEPS + 2);
    let last = list[0].as_ref().unwrap();
    assert_eq!(values(last)["n19"], 19);
    drop(server);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_server_has_gone_fails_and_goes_on_where_it_stood() {
    let options = Postgres::options().retry(Duration::from_millis(300));
    let Some((mut server, saver)) = set_up(options) else {
        return;
    };
    let ran = Arc::new(AtomicUsize::new(0));
    let graph = chain(&saver, &ran);
    let config = Config::thread("t");
    let run = {
        let (graph, config) = (graph.clone(), config.clone());
        tokio::spawn(async move { graph.invoke(json!({"begin": 1}), &config).await })
    };
    let mut server = tokio::task::spawn_blocking({
        let ran = Arc::clone(&ran);
        move || {
            until(|| ran.load(Ordering::Relaxed) >= 5);
            server.kill();
            server
        }
    })
    .await
    .unwrap();
    let error = run.await.unwrap().unwrap_err();
    let source = PostgresError::of(&error);
    assert!(
        matches!(
            source,
            Some(PostgresError::Unavailable { .. } | PostgresError::After(_))
        ),
        "{error:?}"
    );
    let error = saver.get("t", "", None).await.unwrap_err();
    assert!(matches!(
        PostgresError::of(&error),
        Some(PostgresError::Unavailable { .. })
    ));
    server.run();
    let before = ran.load(Ordering::Relaxed);
    let saved = saver.get("t", "", None).await.unwrap().unwrap();
    let done = values(&saved)
        .as_object()
        .unwrap()
        .keys()
        .filter(|key| key.starts_with('n'))
        .count();
    assert!(
        done + 2 >= 4,
        "all but what was not acknowledged is there: {done}"
    );
    graph.invoke(Input::Continue, &config).await.unwrap();
    // What had been saved was not run again. Of the step after it, the node's writes may be there without the step.
    let again = ran.load(Ordering::Relaxed) - before;
    assert!(
        again == STEPS - done || again + 1 == STEPS - done,
        "{again} {done}"
    );
    let saved = saver.get("t", "", None).await.unwrap().unwrap();
    assert_eq!(values(&saved)["n19"], 19);
}

#[test]
fn commits_whose_connection_breaks_are_made_once() {
    let Some((server, saver)) = set_up(Postgres::options()) else {
        return;
    };
    let saver = Saver::of(Arc::new(saver));
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                server.sql(
                    "postgres",
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                     WHERE application_name = 'stepwell'",
                );
            }
        });
        for n in 0..150_u64 {
            let parent = n.checked_sub(1).map(|n| format!("{n:04}"));
            let put = checkpoint(&format!("{n:04}"), parent.as_deref());
            saver.put(put.changed("a", n + 1, json!([n])));
            saver.put_writes(writes(&format!("{n:04}"), "p", "t", &[("x", json!(n))]));
        }
        is_done.store(true, Ordering::Relaxed);
    });
    let list = saver.list(ListQuery::of("t", ""));
    assert_eq!(list.len(), 150);
    for (n, found) in list.iter().rev().enumerate() {
        assert_eq!(values(found), json!({"a": [n]}));
        assert_eq!(found.pending_writes.len(), 1);
    }
    let blobs = server.sql("faults", "SELECT count(*) FROM checkpoint_blobs");
    assert_eq!(blobs, "150");
}

#[test]
fn a_list_that_is_not_read_keeps_nobody_from_writing() {
    let options = Postgres::options()
        .lists(1)
        .wait(Duration::from_millis(200));
    let Some((_server, open)) = set_up(options) else {
        return;
    };
    let saver = Saver::of(Arc::new(open.clone()));
    for n in 0..300 {
        saver.put(checkpoint(&format!("{n:04}"), None).changed("a", 1, json!(n)));
    }
    let mut list = open.list(ListQuery::of("t", ""));
    assert!(block_on(list.next()).unwrap().is_ok());
    saver.put(checkpoint("later", None));
    assert!(saver.get("t", "", "later").is_some());
    // There is no connection for another list.
    let error = block_on(open.list(ListQuery::default()).next())
        .unwrap()
        .unwrap_err();
    assert!(
        matches!(
            PostgresError::of(&error),
            Some(PostgresError::PoolFull { connections: 1, .. })
        ),
        "{error:?}"
    );
    let rest: Vec<_> = block_on(list.collect());
    assert_eq!(rest.len(), 299);
    assert_eq!(saver.list(ListQuery::of("t", "")).len(), 301);
}

#[test]
fn what_takes_too_long_fails_with_all_behind_it_and_changes_nothing() {
    let options = Postgres::options().statement_timeout(Duration::from_millis(200));
    let Some((server, open)) = set_up(options) else {
        return;
    };
    let saver = Saver::of(Arc::new(open.clone()));
    saver.put(checkpoint("1", None).changed("a", 1, json!("one")));
    std::thread::scope(|scope| {
        let lock =
            "BEGIN; LOCK TABLE checkpoint_writes IN EXCLUSIVE MODE; SELECT pg_sleep(2); COMMIT";
        scope.spawn(|| server.sql("faults", lock));
        let waits = "SELECT count(*) FROM pg_locks WHERE mode = 'ExclusiveLock' AND relation = 'checkpoint_writes'::regclass";
        until(|| server.sql("faults", waits) == "1");
        let first = open.put_writes(writes("1", "p", "t", &[("x", json!(1))]));
        let second = open.put(checkpoint("2", Some("1")).unchanged("a", 1));
        let other = open.put(checkpoint("1", None).in_thread("u"));
        let error = first.wait().unwrap_err();
        assert!(
            matches!(
                PostgresError::of(&error),
                Some(PostgresError::StatementTimeout)
            ),
            "{error:?}"
        );
        let error = second.wait().unwrap_err();
        assert!(
            matches!(PostgresError::of(&error), Some(PostgresError::After(_))),
            "{error:?}"
        );
        other.wait().unwrap();
    });
    assert_eq!(saver.ids(ListQuery::of("t", "")), ["1"]);
    saver.put_writes(writes("1", "p", "t", &[("x", json!(1))]));
    saver.put(checkpoint("2", Some("1")).unchanged("a", 1));
    assert_eq!(values(&saver.latest("t", "").unwrap()), json!({"a": "one"}));
}
