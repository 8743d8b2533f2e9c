//! A history as a tree: one line per checkpoint, oldest first, branches indented.

use std::collections::{BTreeMap, BTreeSet};

/// A checkpoint in a tree.
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) parent: Option<String>,
    /// What is printed of it: beside its mark, in a column of its own, and on lines below.
    pub(crate) head: String,
    pub(crate) tail: String,
    pub(crate) below: Vec<String>,
}

/// A line to be drawn: whose, and what the branches around it look like.
struct Place {
    at: usize,
    /// Drawn before the entry's first line, and before what hangs below it.
    first: String,
    rest: String,
}

/// Draws the tree of `entries`. One whose parent is not among them is a root.
pub(crate) fn draw(mut entries: Vec<Entry>) -> Vec<String> {
    entries.sort_by(|a, b| a.id.cmp(&b.id));
    let known: BTreeSet<&str> = entries.iter().map(|e| e.id.as_str()).collect();
    let mut children: Children<'_> = BTreeMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let parent = entry.parent.as_deref().filter(|p| known.contains(p));
        children.entry(parent).or_default().push(at);
    }

    let mut drawn: Vec<(String, Option<&str>)> = Vec::new();
    // A stack, since a history may be longer than a call stack is deep.
    let root = |at: &usize| Place {
        at: *at,
        first: String::new(),
        rest: String::new(),
    };
    let mut open: Vec<Place> = below(&children, None).iter().rev().map(root).collect();
    while let Some(Place { at, first, rest }) = open.pop() {
        let Some(entry) = entries.get(at) else {
            continue;
        };
        let next = below(&children, Some(&entry.id));
        let hangs = match next.len() {
            0 => "  ",
            _ => "│ ",
        };
        drawn.push((format!("{first}● {}", entry.head), Some(&*entry.tail)));
        for line in &entry.below {
            drawn.push((format!("{rest}{hangs}{line}"), None));
        }
        let [branches @ .., last] = next else {
            continue;
        };
        // The newest branch goes on in the same column, after all others.
        open.push(if branches.is_empty() {
            Place {
                at: *last,
                first: rest.clone(),
                rest: rest.clone(),
            }
        } else {
            Place {
                at: *last,
                first: format!("{rest}└─"),
                rest: format!("{rest}  "),
            }
        });
        for branch in branches.iter().rev() {
            open.push(Place {
                at: *branch,
                first: format!("{rest}├─"),
                rest: format!("{rest}│ "),
            });
        }
    }
    in_columns(&drawn)
}

/// Puts the second parts of lines below one another.
fn in_columns(lines: &[(String, Option<&str>)]) -> Vec<String> {
    let heads = lines.iter().filter(|(_, tail)| tail.is_some());
    let width = heads.map(|(head, _)| head.chars().count()).max();
    let width = width.unwrap_or(0);
    let whole = |(head, tail): &(String, Option<&str>)| match tail {
        Some(tail) => format!("{head:<width$}  {tail}").trim_end().to_owned(),
        None => head.clone(),
    };
    lines.iter().map(whole).collect()
}

type Children<'a> = BTreeMap<Option<&'a str>, Vec<usize>>;

/// The places of the entries that follow `parent`, oldest first.
fn below<'c>(children: &'c Children<'c>, parent: Option<&'c str>) -> &'c [usize] {
    children.get(&parent).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: &str, parent: &str) -> Entry {
        Entry {
            id: id.into(),
            parent: (!parent.is_empty()).then(|| parent.into()),
            head: id.into(),
            tail: format!("step {id}"),
            below: Vec::new(),
        }
    }

    #[test]
    fn a_fork_is_indented() {
        let entries = vec![
            entry("1", ""),
            entry("2", "1"),
            entry("3", "2"),
            entry("4", "2"),
            entry("5", "4"),
        ];
        let drawn = draw(entries);
        assert_eq!(
            drawn,
            [
                "● 1    step 1",
                "● 2    step 2",
                "├─● 3  step 3",
                "└─● 4  step 4",
                "  ● 5  step 5"
            ]
        );
    }

    #[test]
    fn an_unknown_parent_makes_a_root() {
        assert_eq!(draw(vec![entry("2", "1")]), ["● 2  step 2"]);
    }

    #[test]
    fn a_long_history_is_drawn() {
        let id = |n: usize| format!("{n:06}");
        let entries = (1..100_000).map(|n| entry(&id(n), &id(n - 1))).collect();
        assert_eq!(draw(entries).len(), 99_999);
    }
}
