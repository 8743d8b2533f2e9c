//! The commands that look after a database.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use stepwell::checkpoint::Checkpointer;
use stepwell::db::Db;
use tempfile::TempDir;

use crate::database::{STEPWELL, make, stepwell};
use crate::samples::{With, checkpoint};

/// The exit code, and the document that a command prints.
fn run(directory: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = stepwell(directory, &[arguments, &["--json"]].concat());
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let document = serde_json::from_str(&text);
    let document = document.unwrap_or_else(|e| panic!("{arguments:?}: {e}: {text}{errors}"));
    (output.status.code(), document)
}

/// As [`run`], for a command that succeeds.
fn done(directory: &Path, arguments: &[&str]) -> Value {
    let (code, document) = run(directory, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {document}");
    document
}

fn segment(directory: &Path) -> PathBuf {
    let log = fs::read_dir(directory.join("agents.stepwell/log")).unwrap();
    let mut segments: Vec<_> = log.map(|entry| entry.unwrap().path()).collect();
    segments.sort();
    segments.remove(0)
}

/// Changes a byte of what only one record says.
fn damage(directory: &Path) {
    let path = segment(directory);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(7).position(|window| window == b"unicorn");
    bytes[at.unwrap()] = b'U';
    fs::write(path, bytes).unwrap();
}

#[test]
fn looking_works_while_a_program_has_the_database_open() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    let db = Db::open(dir.path().join("agents.stepwell")).unwrap();
    let of = ["--thread", "order-17"];
    for command in ["threads", "history", "show", "diff", "stats", "verify"] {
        let of: &[&str] = if ["threads", "verify"].contains(&command) {
            &[]
        } else {
            &of
        };
        let output = stepwell(dir.path(), &[&[command], of].concat());
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command}: {errors}");
        assert!(!output.stdout.is_empty());
    }
    let verified = done(dir.path(), &["verify"]);
    assert_eq!(
        (&verified["clean"], &verified["index_compared"]),
        (&json!(true), &json!(false))
    );
    let dry = done(dir.path(), &["prune", "--keep-last", "1", "--dry-run"]);
    assert_eq!(dry["checkpoints"], 7);
    db.close().unwrap();
}

#[test]
fn a_whole_database_is_verified_and_measured() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    let verified = done(dir.path(), &["verify"]);
    assert_eq!(verified["clean"], true);
    assert_eq!(verified["index_compared"], true);
    assert_eq!(
        (&verified["checkpoints"], &verified["found"]),
        (&json!(10), &json!(0))
    );
    assert_eq!(done(dir.path(), &["verify", "--quick"])["checkpoints"], 0);

    let stats = done(dir.path(), &["stats"]);
    assert_eq!(
        (&stats["threads"], &stats["checkpoints"]),
        (&json!(3), &json!(10))
    );
    let log = &stats["log"];
    assert_eq!(log["segments"].as_array().unwrap().len(), 1);
    assert_eq!(log["bytes"], log["segments"][0]["bytes"]);
    let stats = done(dir.path(), &["stats", "--thread", "order-17"]);
    assert_eq!(
        stats["channels"]["price"],
        json!({"values": 1, "bytes": 2, "shared_bytes": 0})
    );
}

#[test]
fn verify_tells_that_opening_has_mended_the_superblock() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    let path = dir.path().join("agents.stepwell/SUPERBLOCK");
    for slot in [0, 1] {
        let mut bytes = fs::read(&path).unwrap();
        bytes[slot * 4096 + 20] ^= 1;
        fs::write(&path, bytes).unwrap();
        for mended in [json!(slot), json!(null)] {
            let verified = done(dir.path(), &["verify"]);
            assert_eq!(verified["clean"], true);
            assert_eq!(verified["mended_superblock_slot"], mended);
        }
    }
}

#[test]
fn a_damaged_database_is_described_and_salvaged() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    damage(dir.path());
    let (code, verified) = run(dir.path(), &["verify"]);
    assert_eq!((code, &verified["clean"]), (Some(3), &json!(false)));
    let name = segment(dir.path())
        .file_name()
        .unwrap()
        .to_string_lossy()
        .into_owned();
    assert_eq!(verified["findings"][0]["segment"], name);
    assert!(verified["error"].as_str().unwrap().contains(&name));

    let (code, salvaged) = run(dir.path(), &["salvage", "--to", "whole"]);
    assert_eq!(code, Some(1), "something is lost");
    assert_eq!(salvaged["lost_records"].as_array().unwrap().len(), 1);
    assert!(salvaged["checkpoints"].as_u64() >= Some(8));
    let again = stepwell(dir.path(), &["salvage", "--to", "whole"]);
    assert_eq!(again.status.code(), Some(2));

    fs::remove_dir_all(dir.path().join("agents.stepwell")).unwrap();
    fs::rename(dir.path().join("whole"), dir.path().join("agents.stepwell")).unwrap();
    assert_eq!(done(dir.path(), &["verify"])["clean"], true);
    assert!(
        stepwell(dir.path(), &["salvage", "--to", "same"])
            .status
            .success()
    );
}

#[test]
fn a_backup_is_made_brought_up_to_date_and_opened() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    let first = done(dir.path(), &["backup", "--to", "backup"]);
    assert_eq!(
        (&first["unchanged"], &first["copied"]),
        (&json!(0), &json!(1))
    );
    done(dir.path(), &["delete", "--thread", "order-18"]);
    let second = done(dir.path(), &["backup", "--to", "backup"]);
    assert!(second["records"].as_u64() > first["records"].as_u64());
    fs::create_dir(dir.path().join("other")).unwrap();
    Db::open(dir.path().join("other")).unwrap().close().unwrap();
    let refused = stepwell(dir.path(), &["backup", "--to", "other"]);
    assert_eq!(refused.status.code(), Some(2));
    fs::remove_dir_all(dir.path().join("agents.stepwell")).unwrap();
    fs::rename(
        dir.path().join("backup"),
        dir.path().join("agents.stepwell"),
    )
    .unwrap();
    assert_eq!(done(dir.path(), &["stats"])["threads"], 2);
}

fn run_on(directory: &Path, db: &str, arguments: &[&str]) -> Option<i32> {
    let mut command = std::process::Command::new(STEPWELL);
    let of = command.args(arguments).args(["--db", db]);
    of.current_dir(directory).output().unwrap().status.code()
}

#[test]
fn a_backup_that_was_looked_at_is_still_one() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    let thread = ["--thread", "order-17"];
    done(dir.path(), &["backup", "--to", "backup"]);
    for command in [
        "threads", "verify", "stats", "dump", "history", "show", "diff",
    ] {
        let of: &[&str] = match command {
            "history" | "show" | "diff" => &thread,
            _ => &[],
        };
        let code = run_on(dir.path(), "backup", &[&[command], of].concat());
        assert_eq!(code, Some(0), "{command}");
        assert!(Db::is_backup(dir.path().join("backup")).unwrap());
    }
    done(dir.path(), &["backup", "--to", "backup"]);
    // A change makes it a database of its own.
    let tag = ["tag", thread[0], thread[1], "mine"];
    assert_eq!(run_on(dir.path(), "backup", &tag), Some(0));
    assert!(!Db::is_backup(dir.path().join("backup")).unwrap());
    assert_eq!(
        stepwell(dir.path(), &["backup", "--to", "backup"])
            .status
            .code(),
        Some(2)
    );
}

#[test]
fn a_directory_that_is_taken_is_wrong_usage() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    fs::write(dir.path().join("file"), "").unwrap();
    fs::create_dir(dir.path().join("taken")).unwrap();
    fs::write(dir.path().join("taken/other"), "").unwrap();
    for taken in ["file", "taken"] {
        for command in ["backup", "salvage"] {
            let refused = stepwell(dir.path(), &[command, "--to", taken]);
            assert_eq!(refused.status.code(), Some(2), "{command} {taken}");
        }
        for command in ["demo", "torture"] {
            assert_eq!(
                run_on(dir.path(), taken, &[command]),
                Some(2),
                "{command} {taken}"
            );
        }
    }
}

#[cfg(unix)]
#[test]
fn nothing_is_made_within_the_database_by_whatever_path() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    std::os::unix::fs::symlink("agents.stepwell", dir.path().join("link")).unwrap();
    fs::create_dir(dir.path().join("beside")).unwrap();
    let files = || {
        fs::read_dir(dir.path().join("agents.stepwell"))
            .unwrap()
            .count()
    };
    let before = files();
    for to in [
        "agents.stepwell/copy",
        "link/copy",
        "beside/../agents.stepwell/new/copy",
        "beside/new/../../link/copy",
        "link/../link/log",
    ] {
        for command in ["backup", "salvage"] {
            let refused = stepwell(dir.path(), &[command, "--to", to]);
            let told = String::from_utf8_lossy(&refused.stderr);
            assert_eq!(refused.status.code(), Some(2), "{command} {to}: {told}");
            assert_eq!(files(), before, "{command} {to}");
        }
    }
    let made = done(dir.path(), &["backup", "--to", "beside/../link/../backup"]);
    assert_eq!(made["copied"], 1);
    assert!(Db::is_backup(dir.path().join("backup")).unwrap());
}

#[test]
fn of_a_thread_with_subgraphs_only_it_is_said_where_its_checkpoints_are() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    let db = Db::open(dir.path().join("agents.stepwell")).unwrap();
    let put = checkpoint("1", None).in_thread("sub").in_namespace("child");
    let put = put.changed("n", 1, json!(1));
    db.checkpointer().put(put).wait().unwrap();
    db.close().unwrap();
    for command in [&["show"][..], &["diff"], &["tag", "name"]] {
        let output = stepwell(dir.path(), &[command, &["--thread", "sub"]].concat());
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command:?}: {told}");
        assert!(told.contains("subgraphs only"), "{command:?}: {told}");
    }
    let shown = ["show", "--thread", "sub", "--namespace", "child"];
    assert!(stepwell(dir.path(), &shown).status.success());
}

#[test]
fn threads_are_copied_tagged_pruned_and_deleted() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    let of = ["--thread", "order-17"];
    let copied = done(dir.path(), &["copy", of[0], of[1], "--to", "copy"]);
    assert_eq!(
        copied,
        json!({"thread": "order-17", "to": "copy", "checkpoints": 5})
    );
    let taken = stepwell(dir.path(), &["copy", of[0], of[1], "--to", "copy"]);
    assert_eq!(taken.status.code(), Some(2));

    let history = stepwell(dir.path(), &["history", "--json", of[0], of[1]]);
    let history = String::from_utf8(history.stdout).unwrap();
    let oldest: Value = serde_json::from_str(history.lines().last().unwrap()).unwrap();
    let oldest = oldest["id"].as_str().unwrap();
    let tag = done(
        dir.path(),
        &["tag", of[0], of[1], "first", "--checkpoint", &oldest[..23]],
    );
    assert_eq!(
        (&tag["name"], &tag["checkpoint"]),
        (&json!("first"), &json!(oldest))
    );
    assert_eq!(done(dir.path(), &["tag", of[0], of[1]]), tag);

    let prune = ["prune", of[0], of[1], "--keep-last", "1"];
    let dry = done(dir.path(), &[&prune[..], &["--dry-run"]].concat());
    assert_eq!(
        (&dry["dry_run"], &dry["checkpoints"]),
        (&json!(true), &json!(3))
    );
    let pruned = done(dir.path(), &prune);
    assert_eq!(
        (&pruned["checkpoints"], &pruned["bytes"]),
        (&json!(3), &dry["bytes"])
    );
    assert_eq!(done(dir.path(), &prune)["checkpoints"], 0);
    let young = done(dir.path(), &["prune", "--older-than", "1d"]);
    assert_eq!(young["checkpoints"], 0);

    done(dir.path(), &["tag", of[0], of[1], "first", "--remove"]);
    let gone = stepwell(dir.path(), &["tag", of[0], of[1], "first", "--remove"]);
    assert_eq!(gone.status.code(), Some(2));
    assert_eq!(
        done(dir.path(), &["delete", of[0], of[1]])["checkpoints"],
        2
    );
    assert_eq!(
        done(dir.path(), &["stats", "--thread", "copy"])["checkpoints"],
        5
    );
    assert_eq!(done(dir.path(), &["verify"])["clean"], true);
}

#[test]
fn what_was_deleted_is_given_back_and_in_use_it_is_refused() {
    let dir = TempDir::new().unwrap();
    make(dir.path());
    // What is not packed is, even if nothing is dead.
    let packed = done(dir.path(), &["compact"]);
    assert_eq!(packed["complete"], json!(true));
    assert!(packed["log_bytes"].as_u64() < packed["log_bytes_before"].as_u64());
    for thread in ["order-17", "order-18"] {
        done(dir.path(), &["delete", "--thread", thread]);
    }
    // Those that deleted may have given back some of it before they closed the database.
    let given = done(dir.path(), &["compact"]);
    assert!(given["segments_before"].as_u64() >= Some(1));
    assert!(
        given["log_bytes"].as_u64() < packed["log_bytes"].as_u64(),
        "{packed} {given}"
    );
    assert_eq!(done(dir.path(), &["verify"])["clean"], json!(true));
    assert_eq!(done(dir.path(), &["stats"])["log"]["dead_bytes"], json!(0));
    let _open = Db::open(dir.path().join("agents.stepwell")).unwrap();
    let refused = stepwell(dir.path(), &["compact"]);
    assert_eq!(refused.status.code(), Some(4));
}
