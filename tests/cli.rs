//! What the command says when it is used wrongly, and that it then leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::Path;
use std::process::Command;

use stepwell::db::Db;
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
    for (command, exit) in [("threads", 3), ("demo", 1)] {
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
    assert_eq!(code, Some(1));
    assert!(error.contains("no threads yet"), "{error}");
}

#[test]
fn a_database_that_is_open_elsewhere_is_an_error_that_says_so() {
    let dir = TempDir::new().unwrap();
    let open = Db::open(dir.path().join("db")).unwrap();
    for command in [
        &["demo"][..],
        &["backup", "--to", "other"],
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
        assert!(error.contains("Usage"), "{error}");
    }
}
