//! What the command says when it is used wrongly, and that it then leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use futures::executor::block_on;
use serde_json::json;
use stepwell::db::Db;
use stepwell::store::Store;
use tempfile::TempDir;

/// The exit code and what is printed as an error.
fn refused(directory: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_stepwell"))
        .args(arguments)
        .current_dir(directory)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    let errors = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), errors)
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).unwrap().next().is_none()
}

#[test]
fn a_missing_database_is_an_error_and_is_not_made() {
    let dir = TempDir::new().unwrap();
    for command in [
        &["threads", "--db", "none"][..],
        &["history", "--db", "none"],
        &["show", "--db", "none", "--thread", "t"],
        &["diff", "--db", "none", "--thread", "t"],
        &["dump", "--db", "none"],
        &["stats", "--db", "none"],
        &["verify", "--db", "none"],
        &["salvage", "--db", "none", "--to", "other"],
        &["backup", "--db", "none", "--to", "other"],
        &["copy", "--db", "none", "--thread", "t", "--to", "u"],
        &["prune", "--db", "none", "--keep-last", "1"],
        &["delete", "--db", "none", "--thread", "t"],
        &["tag", "--db", "none", "--thread", "t"],
    ] {
        let (code, error) = refused(dir.path(), command);
        assert_eq!(code, Some(3));
        assert!(error.starts_with("error: there is no database at `none`"));
        assert!(is_empty(dir.path()), "{command:?} made something");
    }
}

#[test]
fn a_directory_of_something_else_is_left_alone() {
    let dir = TempDir::new().unwrap();
    let other = dir.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("letter.md"), "# Dear\n").unwrap();
    for (command, exit) in [("threads", 3), ("demo", 2)] {
        let (code, error) = refused(dir.path(), &[command, "--db", "other"]);
        assert_eq!(code, Some(exit));
        assert!(error.contains("not a Stepwell database"), "{error}");
        assert_eq!(fs::read_dir(&other).unwrap().count(), 1);
    }
}

#[test]
fn an_unknown_thread_or_an_empty_database_is_an_error() {
    let dir = TempDir::new().unwrap();
    Db::open(dir.path().join("db")).unwrap().close().unwrap();
    for command in ["history", "show", "diff"] {
        let (code, error) = refused(dir.path(), &[command, "--db", "db", "--thread", "t"]);
        assert_eq!(code, Some(2));
        assert!(error.contains("there is no thread `t` in `db`"), "{error}");
    }
    for command in [
        &["stats", "--thread", "t"][..],
        &["copy", "--thread", "t", "--to", "u"],
        &["prune", "--thread", "t", "--keep-last", "1"],
        &["delete", "--thread", "t"],
        &["tag", "--thread", "t", "name"],
    ] {
        let (code, error) = refused(dir.path(), &[command, &["--db", "db"]].concat());
        assert_eq!(code, Some(2), "{command:?}");
        assert!(error.contains("there is no thread `t` in `db`"), "{error}");
    }
    let (code, error) = refused(dir.path(), &["history", "--db", "db"]);
    assert_eq!(code, Some(2));
    assert!(error.contains("no threads yet"), "{error}");
    let json = ["stats", "--db", "db", "--thread", "t", "--json"];
    let (code, error) = refused(dir.path(), &json);
    assert_eq!(code, Some(2));
    let error: serde_json::Value = serde_json::from_str(&error).unwrap();
    assert_eq!(error["code"], 2);
    assert!(error["error"].as_str().unwrap().contains("thread `t`"));
}

#[test]
fn a_directory_without_a_log_is_no_database_and_does_not_become_one() {
    let dir = TempDir::new().unwrap();
    fs::create_dir_all(dir.path().join("db/log")).unwrap();
    let (code, error) = refused(dir.path(), &["threads", "--db", "db"]);
    assert_eq!(code, Some(3));
    assert!(error.contains("not a Stepwell database"), "{error}");
    assert!(is_empty(&dir.path().join("db/log")));
}

#[cfg(unix)]
#[test]
fn a_database_that_may_not_be_changed_can_be_looked_at() {
    use std::os::unix::fs::PermissionsExt;

    let dir = TempDir::new().unwrap();
    let db = dir.path().join("db");
    Db::open(&db).unwrap().close().unwrap();
    let set = |mode| fs::set_permissions(&db, fs::Permissions::from_mode(mode)).unwrap();
    fs::set_permissions(db.join("LOCK"), fs::Permissions::from_mode(0o444)).unwrap();
    set(0o555);
    let output = Command::new(env!("CARGO_BIN_EXE_stepwell"))
        .args(["threads", "--db", "db"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    set(0o755);
    assert!(output.status.success(), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("no threads yet"));
}

#[test]
fn a_database_that_is_open_elsewhere_is_an_error_that_says_so() {
    let dir = TempDir::new().unwrap();
    let open = Db::open(dir.path().join("db")).unwrap();
    for command in [
        &["demo"][..],
        &["salvage", "--to", "other"],
        &["copy", "--thread", "t", "--to", "u"],
        &["prune", "--keep-last", "1"],
        &["delete", "--thread", "t"],
        &["tag", "--thread", "t", "name"],
    ] {
        let (code, error) = refused(dir.path(), &[command, &["--db", "db"]].concat());
        assert_eq!(code, Some(4), "{command:?}");
        assert!(error.contains("is locked"), "{error}");
    }
    drop(open);
}

#[test]
fn a_damaged_database_exits_with_3() {
    let dir = TempDir::new().unwrap();
    Db::open(dir.path().join("db")).unwrap().close().unwrap();
    fs::write(dir.path().join("db/SUPERBLOCK"), "nothing of ours").unwrap();
    for command in ["threads", "demo"] {
        let (code, error) = refused(dir.path(), &[command, "--db", "db"]);
        assert_eq!(code, Some(3));
        assert!(error.contains("is damaged"), "{error}");
    }
}

#[test]
fn a_verification_says_what_was_lost_and_that_records_behind_a_defect_were_not_counted() {
    let dir = TempDir::new().unwrap();
    let db = Db::options().segment_bytes(64 << 10).index_memory_bytes(1);
    let db = db.open(dir.path().join("db")).unwrap();
    for number in 0..80 {
        // Nothing that could be made shorter.
        let text: String = (0..300_u64)
            .map(|n| {
                format!(
                    "{:x}",
                    (n + 1000 * number).wrapping_mul(0x9e37_79b9_7f4a_7c15)
                )
            })
            .collect();
        let value = json!({"text": text, "number": format!("needle {number}")});
        block_on(db.store().put(&["n"], "key", value)).unwrap();
    }
    db.close().unwrap();
    let log = fs::read_dir(dir.path().join("db/log")).unwrap();
    for segment in log.map(|entry| entry.unwrap().path()) {
        let mut bytes = fs::read(&segment).unwrap();
        if let Some(at) = bytes.windows(9).position(|part| part == b"needle 3\"") {
            bytes[at] = b'N';
            fs::write(&segment, bytes).unwrap();
        }
    }
    let output = Command::new(env!("CARGO_BIN_EXE_stepwell"))
        .args(["verify", "--db", "db"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(3));
    let said = String::from_utf8_lossy(&output.stdout);
    for part in [
        "item `key` in namespace [\"n\"] as it was until record ",
        " has 2 defects: ",
        " in front of the first defect of the log",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

#[test]
fn a_database_of_another_version_is_refused_by_every_command_and_not_called_damaged() {
    let dir = TempDir::new().unwrap();
    for (version, said) in [(1_u32, "format version 1"), (3, "newer version")] {
        Db::open(dir.path().join("db")).unwrap().close().unwrap();
        let path = dir.path().join("db/SUPERBLOCK");
        let mut slots = fs::read(&path).unwrap();
        for slot in slots.chunks_exact_mut(4096) {
            let (checked, crc) = slot.split_last_chunk_mut::<4>().unwrap();
            if checked.starts_with(b"STEPWELL") {
                checked[8..12].copy_from_slice(&version.to_le_bytes());
                *crc = crc32fast::hash(checked).to_le_bytes();
            }
        }
        fs::write(&path, slots).unwrap();
        for command in [&["threads"][..], &["salvage", "--to", "saved"]] {
            let (code, error) = refused(dir.path(), &[command, &["--db", "db"]].concat());
            assert_eq!(code, Some(3), "{command:?}");
            assert!(error.contains(said), "{error}");
            assert!(!error.contains("salvage`"), "{error}");
        }
        let (code, error) = refused(dir.path(), &["verify", "--db", "db"]);
        assert_eq!(code, Some(3));
        assert!(error.contains(said), "{error}");
        fs::remove_dir_all(dir.path().join("db")).unwrap();
    }
}

#[test]
fn a_demo_needs_files() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join("empty")).unwrap();
    for (input, said) in [("empty", "no Markdown file"), ("none", "cannot list")] {
        let (code, error) = refused(dir.path(), &["demo", "--input", input]);
        assert_eq!(code, Some(1));
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn bad_usage_exits_with_2() {
    let dir = TempDir::new().unwrap();
    for command in [
        &["show", "--db", "db"][..],
        &["threads"],
        &["unknown"],
        &["copy", "--db", "db", "--thread", "t", "--to", ""],
        &["tag", "--db", "db", "--thread", "t", ""],
        &["threads", "--db", "db", "--after", "nonsense"],
        &["demo", "extra"],
        &["diff", "--db", "db", "--thread", "t", "a", "b", "c"],
        &["prune", "--db", "db"],
        &[
            "prune",
            "--db",
            "db",
            "--keep-last",
            "1",
            "--finished-subgraphs",
        ],
    ] {
        let (code, error) = refused(dir.path(), command);
        assert_eq!(code, Some(2), "{command:?}");
        assert!(error.contains("--help"), "{error}");
    }
}
