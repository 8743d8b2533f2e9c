//! [`Bench`]: what is to be measured, where, and how the answer is printed.

use std::fmt::Display;
use std::path::PathBuf;

use stepwell::db::{Db, Durability};
use tempfile::TempDir;

use crate::figures;

pub(crate) struct Bench {
    dir: PathBuf,
    smoke: bool,
    only: Vec<String>,
}

impl Bench {
    pub(crate) fn of(args: Vec<String>) -> Self {
        let mut bench = Self {
            dir: std::env::temp_dir(),
            smoke: false,
            only: Vec::new(),
        };
        let mut args = args.into_iter();
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--smoke" => bench.smoke = true,
                "--dir" => bench.dir = args.next().unwrap().into(),
                "--only" => bench.only.push(args.next().unwrap()),
                _ => {}
            }
        }
        for name in &bench.only {
            let known = figures::ALL.iter().any(|(known, _)| known == name);
            assert!(known, "no figure is called `{name}`");
        }
        bench
    }

    pub(crate) fn wants(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// `full`, or `smoke` if it is only to be seen that everything works.
    pub(crate) fn size<T>(&self, full: T, smoke: T) -> T {
        if self.smoke { smoke } else { full }
    }

    /// How often something is repeated that takes less than a second.
    pub(crate) fn rounds(&self) -> usize {
        self.size(9, 3)
    }

    pub(crate) fn temp_dir(&self) -> TempDir {
        tempfile::tempdir_in(&self.dir).unwrap()
    }
}

/// Opens the database in `dir` without syncs: the device is not what is measured here.
pub(crate) fn open(dir: &TempDir) -> Db {
    let options = Db::options().durability(Durability::Os);
    options.open(dir.path().join("db")).unwrap()
}

pub(crate) fn title(title: &str) {
    println!("\n{title}");
}

pub(crate) fn row(what: impl Display, reached: impl Display) {
    println!("  {what:<58} {reached}");
}
