//! Which Markdown files the demo works on, and a few of its own for where there are none.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::failure::{Doing, Failure};

/// More files than this are left out, so that the demo ends in time.
pub(super) const MOST: usize = 400;

/// The `*.md` files below `root`, as sorted paths with `/`: without hidden directories, what tools build
/// or download, databases, and what a demo on the database `own` leaves beside it.
pub(super) fn below(root: &Path, own: &Path) -> io::Result<Vec<String>> {
    let mut found = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        let entries = match fs::read_dir(root.join(&directory)) {
            Ok(entries) => entries,
            // Not to be allowed into a directory below is no reason to stop.
            Err(_) if directory != Path::new("") => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let Some(name) = name.to_str() else { continue };
            if name.ends_with(".stepwell")
                || name.contains(".stepwell.")
                || begins_with(&entry.path(), own)
            {
                continue;
            }
            let path = directory.join(name);
            let kind = entry.file_type()?;
            if kind.is_dir() {
                if !name.starts_with('.') && !["target", "node_modules"].contains(&name) {
                    directories.push(path);
                }
            } else if kind.is_file() && name.ends_with(".md") {
                let path: Vec<_> = path.iter().filter_map(|part| part.to_str()).collect();
                found.push(path.join("/"));
            }
        }
    }
    found.sort();
    found.truncate(MOST);
    Ok(found)
}

/// Whether `path` is `own`, perhaps with something appended.
fn begins_with(path: &Path, own: &Path) -> bool {
    let same_parent = match (path.parent(), own.parent()) {
        (Some(a), Some(b)) => a.canonicalize().ok() == b.canonicalize().ok(),
        _ => false,
    };
    let name = |path: &Path| path.file_name().and_then(|n| n.to_str()).map(str::to_owned);
    same_parent
        && name(own)
            .zip(name(path))
            .is_some_and(|(own, path)| path.starts_with(&own))
}

/// Writes a few Markdown files, dead links included, to `directory`.
pub(super) fn write_sample(directory: &Path) -> Result<(), Failure> {
    let sample = [
        ("index.md", include_str!("sample/index.md")),
        ("super-steps.md", include_str!("sample/super-steps.md")),
        ("checkpoints.md", include_str!("sample/checkpoints.md")),
        ("interrupts.md", include_str!("sample/interrupts.md")),
        ("time-travel.md", include_str!("sample/time-travel.md")),
        ("glossary.md", include_str!("sample/glossary.md")),
    ];
    fs::create_dir_all(directory).doing("create", directory)?;
    for (name, text) in sample {
        let path = directory.join(name);
        fs::write(&path, text).doing("write", &path)?;
    }
    Ok(())
}
