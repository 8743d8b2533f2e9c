//! Whether a link in a Markdown file leads anywhere. Nothing is fetched.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::markdown;

/// What became of a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Alive,
    /// It leaves the files, and is not followed.
    External,
    /// Its file exists; whether its anchor does is for a deep look to say.
    Unchecked,
    Dead(&'static str),
}

/// Follows `target`, found in `file` below `root`, whose own anchors are `anchors`. Anchors are only
/// looked up if `deep`.
pub(super) fn check(
    root: &Path,
    file: &str,
    target: &str,
    anchors: &BTreeSet<String>,
    deep: bool,
) -> Verdict {
    if is_external(target) {
        return Verdict::External;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = path.split('?').next().unwrap_or(path);
    let linked = resolve(root, file, path);
    if !path.is_empty() && !linked.exists() {
        return Verdict::Dead("there is no such file");
    }
    if anchor.is_empty() {
        return Verdict::Alive;
    }
    if !deep {
        return Verdict::Unchecked;
    }
    let anchor = decode(anchor).to_lowercase();
    let found = if path.is_empty() {
        anchors.contains(&anchor)
    } else if linked.extension().is_some_and(|e| e == "md") {
        // What cannot be read cannot be found wanting.
        fs::read_to_string(&linked)
            .map_or(true, |text| markdown::read(&text).anchors.contains(&anchor))
    } else {
        // `main.rs#L10` and the like mean something only to whoever shows the file.
        true
    };
    if found {
        Verdict::Alive
    } else {
        Verdict::Dead("there is no such heading")
    }
}

/// Whether a target begins with a scheme (`https:`, `mailto:`) or a host (`//host`).
fn is_external(target: &str) -> bool {
    let scheme = target.split_once(':').map(|(scheme, _)| scheme);
    target.starts_with("//")
        || scheme.is_some_and(|scheme| {
            scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                && scheme
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
        })
}

/// The file that `path` names: from `root` if it begins with `/`, else from beside `file`.
fn resolve(root: &Path, file: &str, path: &str) -> PathBuf {
    let path = decode(path);
    match path.strip_prefix('/') {
        Some(from_root) => root.join(from_root),
        None => {
            let beside = Path::new(file).parent().unwrap_or(Path::new(""));
            root.join(beside).join(path)
        }
    }
}

/// Undoes percent encoding.
fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes_and_hosts_are_external() {
        for target in ["https://a.b/c", "mailto:a@b.c", "//host/x"] {
            assert!(is_external(target), "{target}");
        }
        for target in ["a.md", "docs/a:b.md", "#x", "/a.md"] {
            assert!(!is_external(target), "{target}");
        }
    }

    #[test]
    fn percent_encoding_is_undone() {
        assert_eq!(decode("a%20b%2"), "a b%2");
    }
}
