//! `stepwell import` and `stepwell export` with a server: there and back, and gone on with by Python.

use std::path::Path;
use std::process::{Command as Process, Stdio};
use std::time::{Duration, UNIX_EPOCH};

use futures::executor::block_on;
use serde_json::{Value, json};
use stepwell::checkpoint::{Checkpointer, Tag};
use stepwell::db::Db;
use stepwell::graph::{Command, Config};
use stepwell::postgres::{Postgres, PostgresSaver};
use stepwell::store::Store;
use stepwell::transfer::{Place, Transfer, TransferReport};
use tempfile::TempDir;

use crate::interop::{graph, peer, python};
use crate::samples::{With, checkpoint, writes};
use crate::server::Server;

/// What the command prints as JSON, and its exit code.
pub(crate) fn run(directory: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = command(directory, arguments).output().unwrap();
    let printed = match output.stdout.is_empty() {
        true => &output.stderr,
        false => &output.stdout,
    };
    (
        output.status.code(),
        serde_json::from_slice(printed).unwrap(),
    )
}

fn command(directory: &Path, arguments: &[&str]) -> Process {
    let mut command = Process::new(env!("CARGO_BIN_EXE_stepwell"));
    command.args(arguments).arg("--json");
    command.current_dir(directory);
    command
}

pub(crate) fn import<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["import", "--from", url, "--to", "db"], more].concat()
}

fn export<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&["export", "--from", "db", "--to", url], more].concat()
}

pub(crate) fn saver(server: &Server, database: &str) -> PostgresSaver {
    let postgres = Postgres::connect(&server.database(database)).unwrap();
    block_on(postgres.setup()).unwrap();
    postgres.checkpointer()
}

fn items(server: &Server, database: &str) -> String {
    let sql = "SELECT s.prefix, s.key, value, extract(epoch FROM created_at),
        extract(epoch FROM s.updated_at), extract(epoch FROM expires_at), ttl_minutes, lifetime_us
        FROM store s LEFT JOIN stepwell_items i USING (prefix, key) ORDER BY prefix, key";
    server.sql(database, sql)
}

#[test]
fn what_was_moved_there_and_back_says_the_same() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    let saver = saver(&server, "one");
    let message = json!([{"role": "user", "content": "hi", "id": "1"}]);
    let puts = [
        checkpoint("1", None)
            .changed("messages", 1, message)
            .changed("n", 1, json!({"a": [1, null]})),
        checkpoint("2", Some("1"))
            .unchanged("messages", 1)
            .changed("n", 2, json!("left")),
        checkpoint("3", Some("1"))
            .unchanged("messages", 1)
            .changed("n", 2, json!("right\0")),
        checkpoint("3", None).in_namespace("sub:1").cleared("n", 1),
        checkpoint("1", None).in_thread("u"),
    ];
    for put in puts {
        saver.put(put).wait().unwrap();
    }
    let asked = json!([{"id": "x", "value": "ok?"}]);
    let written = [("n", json!(1)), ("__interrupt__", asked), ("n", json!(2))];
    let put = saver.put_writes(writes("3", "p", "task", &written));
    put.wait().unwrap();
    let tag = Tag {
        thread: "t".into(),
        namespace: String::new(),
        name: "good".into(),
        checkpoint_id: "2".into(),
    };
    saver.tag(tag.clone()).wait().unwrap();
    server.sql(
        "one",
        "INSERT INTO store VALUES
            ('a.b', 'k', '{\"x\": 1}', '2025-01-02 03:04:05.000006+00', '2025-02-03 04:05:06.000007+00', NULL, NULL),
            ('a', 'l', '2', '2025-01-02 03:04:05+00', '2025-01-02 03:04:05+00', '2199-01-01 00:00:00+00', 90),
            ('a', 'gone', '2', '2025-01-02 03:04:05+00', '2025-01-02 03:04:05+00', '2025-01-03 00:00:00+00', 90)",
    );
    let (one, two) = (server.url("one"), server.url("two"));
    drop(server.database("two"));
    let (code, dry) = run(at, &import(&one, &["--dry-run"]));
    assert_eq!((code, &dry["checkpoints"]), (Some(0), &json!(5)), "{dry}");
    assert_eq!(dry["items"], 2);
    assert!(!at.join("db").exists());
    let steps = [
        (5, import(&one, &["--verify"])),
        (0, import(&one, &["--verify"])),
        (5, export(&two, &["--dry-run"])),
        (5, export(&two, &["--verify"])),
        (0, export(&two, &["--verify"])),
    ];
    for (moved, command) in steps {
        let (code, report) = run(at, &command);
        assert_eq!(code, Some(0), "{report}");
        assert_eq!(report["threads"], 2);
        assert_eq!(report["checkpoints"], moved, "{report}");
        assert_eq!(report["items"], if moved > 0 { 2 } else { 0 });
        if report["dry_run"] == false {
            assert_eq!(report["compared"], 7);
            let bytes = [&report["bytes_before"], &report["bytes_after"]];
            assert!(bytes.iter().all(|of| of.as_u64() > Some(0)), "{report}");
        }
    }
    let other = Postgres::connect(&server.address("two")).unwrap();
    let tags = block_on(other.checkpointer().tags("t")).unwrap();
    assert_eq!(tags, [tag]);
    let moved = items(&server, "two");
    assert!(moved.contains("1735787045.000006"), "{moved}");
    let without_gone = |of: String| -> Vec<String> {
        let lines = of.lines().filter(|line| !line.contains("gone"));
        // What LangGraph's table does not say is noted of what we have put.
        lines
            .map(|line| line.rsplit_once('|').unwrap().0.to_owned())
            .collect()
    };
    assert_eq!(without_gone(moved), without_gone(items(&server, "one")));
    // The database keeps the times as well.
    let db = Db::open(at.join("db")).unwrap();
    let item = block_on(db.store().get(&["a", "b"], "k")).unwrap().unwrap();
    let created = item.created_at.duration_since(UNIX_EPOCH).unwrap();
    assert_eq!(created, Duration::from_micros(1_735_787_045_000_006));
}

#[test]
fn what_was_killed_on_its_way_is_gone_on_with() {
    let Some(server) = Server::start(&[]) else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    let saver = saver(&server, "one");
    let mut puts = Vec::new();
    for thread in 0..20 {
        let mut parent: Option<String> = None;
        for step in 0..20_u64 {
            let id = format!("{step:03}");
            let put = checkpoint(&id, parent.as_deref())
                .in_thread(&format!("t{thread}"))
                .changed("n", step + 1, json!("x".repeat(5_000) + &id));
            puts.push(saver.put(put));
            parent = Some(id);
        }
    }
    for put in puts {
        put.wait().unwrap();
    }
    server.sql(
        "one",
        "INSERT INTO store SELECT 'a.' || n % 7, 'k' || n, to_jsonb(n) FROM generate_series(1, 1000) n",
    );
    let (one, two) = (server.url("one"), server.url("two"));
    drop(server.database("two"));
    let kill_when = |arguments: &[&str], begun: &dyn Fn() -> bool| {
        let mut process = command(at, arguments)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        while !begun() && process.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(2));
        }
        process.kill().unwrap();
        process.wait().unwrap();
    };
    let in_log = || -> u64 {
        let files = at.join("db/log").read_dir().into_iter().flatten().flatten();
        files.map(|of| of.metadata().map_or(0, |of| of.len())).sum()
    };
    kill_when(&import(&one, &[]), &|| in_log() > 0);
    std::thread::sleep(Duration::from_millis(10));
    let checkpoints = || {
        let sql = "SELECT CASE WHEN to_regclass('checkpoints') IS NULL THEN 0
            ELSE (xpath('/row/c/text()', query_to_xml('SELECT count(*) AS c FROM checkpoints', false, true, '')))[1]::text::int END";
        server.sql("two", sql).parse::<u64>().unwrap()
    };
    for command in [import(&one, &["--verify"]), export(&two, &["--verify"])] {
        if command[0] == "export" {
            kill_when(&export(&two, &[]), &|| checkpoints() > 20);
            assert!(checkpoints() > 20);
        }
        let (code, report) = run(at, &command);
        assert_eq!(code, Some(0), "{report}");
        let number = |name: &str| report[name].as_u64().unwrap();
        assert_eq!(number("checkpoints") + number("present"), 400);
        assert_eq!(number("items") + number("present_items"), 1000);
        assert_eq!(number("compared"), 1400);
    }
}

async fn moved(from: &Place, to: &Place) -> TransferReport {
    let transfer = Transfer {
        verify: true,
        ..Transfer::default()
    };
    let report = transfer.run(from, to, &mut |_| {}).await.unwrap();
    assert_eq!(report.differences, Vec::<String>::new());
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_imported_and_exported_is_gone_on_with_by_python() {
    let (Some(python), Some(server)) = (python(), Server::start(&[])) else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let (one, two) = (server.database("one"), server.database("two"));
    peer(&python, "write", &one, "t");
    peer(&python, "items", &one, "write");
    let before = server.sql("one", "SELECT count(*) FROM pg_class");
    let db = Db::open(directory.path().join("db")).unwrap();
    let in_db = Place::database(&db);
    let from = Postgres::connect(&one).unwrap();
    let report = moved(&from.place_to_read().await.unwrap(), &in_db).await;
    assert_eq!((report.checkpoints, report.items), (5, 3));
    // Nothing was made there.
    assert_eq!(server.sql("one", "SELECT count(*) FROM pg_class"), before);
    let config = Config::thread("t");
    let graph = graph(db.checkpointer());
    let out = graph.invoke(Command::resume("yes"), &config).await.unwrap();
    assert_eq!(out["answer"], "yes");
    let more = json!({"messages": [{"role": "user", "content": "from Rust", "id": "x1"}]});
    assert!(graph.invoke(more, &config).await.unwrap().is_interrupted());
    let to = Postgres::connect(&two).unwrap();
    moved(&in_db, &to.place().await.unwrap()).await;
    let resumed = peer(&python, "resume", &two, "t");
    let values = &resumed["values"];
    assert_eq!(values["name"], "ada");
    assert_eq!(values["opaque"]["point"], "Point(x=1, y=2.5)");
    assert_eq!(values["messages"][3]["content"], "re: from Rust");
    let again = peer(&python, "again", &two, "t");
    assert_eq!(again["values"]["messages"][5]["content"], "re: more");
    let times = |of: &str| -> Vec<Value> {
        let Value::Array(mut all) = peer(&python, "items", of, "times") else {
            return Vec::new();
        };
        // LangGraph's store gives what has expired as long as nobody has removed it.
        all.retain(|of| of[0] != "soon");
        all
    };
    assert_eq!(times(&two), times(&one));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tasks_sent_before_form_4_are_run() {
    let (Some(python), Some(server)) = (python(), Server::start(&[])) else {
        return;
    };
    let directory = TempDir::new().unwrap();
    let (one, two) = (server.database("one"), server.database("two"));
    let written = peer(&python, "old-write", &one, "t");
    assert_eq!(written["history"][0]["next"], json!(["work", "work"]));
    let db = Db::open(directory.path().join("db")).unwrap();
    let in_db = Place::database(&db);
    let from = Postgres::connect(&one).unwrap();
    moved(&from.place_to_read().await.unwrap(), &in_db).await;
    let latest = db.checkpointer().get("t", "", None).await.unwrap().unwrap();
    let sent = latest.checkpoint.channel_values["__pregel_tasks"].to_json();
    assert_eq!(sent.unwrap().as_array().unwrap().len(), 2);
    let to = Postgres::connect(&two).unwrap();
    moved(&in_db, &to.place().await.unwrap()).await;
    assert_eq!(peer(&python, "old-read", &two, "t"), written);
    let resumed = peer(&python, "old-resume", &two, "t");
    assert_eq!(resumed["values"]["got"], json!(["1:yes", "2"]));
}
