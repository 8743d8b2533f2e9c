//! [`ItemFields`]: what an index has of an item's value.
//!
//! What comes in may be any bytes: what is kept of them is bounded, and so is the depth to which they are followed.
//!
//! This module must never know where items are kept.

mod scalar;
mod walk;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::de::DeserializeSeed;

pub(crate) use self::scalar::{FieldRange, ScalarKey};
use self::walk::Walk;
use crate::field_path::FieldPath;
use crate::store_options::IndexedFields;

/// Fields with longer paths are in no index.
const MAX_NAMES: usize = 8;
/// The same in bytes of the path's text.
const MAX_PATH: usize = 256;
/// At most so many scalars of a value are in an index: those whose paths come first.
const MAX_SCALARS: usize = 64;

/// What an index has of an item's value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ItemFields {
    /// By path; sorted, and each once.
    pub(crate) scalars: Vec<(Arc<str>, ScalarKey)>,
    pub(crate) coverage: Coverage,
}

/// Which fields of a value an index has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// None but these; sorted.
    only: Option<Vec<String>>,
    /// None from this path on.
    below: Option<String>,
}

/// Whether any index has fields with this path.
pub(crate) fn is_indexable(path: &FieldPath) -> bool {
    path.depth() <= MAX_NAMES && path.text().len() <= MAX_PATH
}

impl ItemFields {
    /// Those of the value whose JSON text is `json`.
    pub(crate) fn of_json(json: &[u8], wanted: &IndexedFields) -> Self {
        let mut found = Found::new(wanted);
        let mut from = serde_json::Deserializer::from_slice(json);
        let walked = Walk::whole(&mut found).deserialize(&mut from);
        match walked.and_then(|()| from.end()) {
            Ok(()) => found.fields(),
            Err(_) => Self::unknown(),
        }
    }

    /// Nothing of a value of which nothing is known.
    pub(crate) fn unknown() -> Self {
        Self {
            scalars: Vec::new(),
            coverage: Coverage {
                only: Some(Vec::new()),
                below: None,
            },
        }
    }
}

/// What was found in a value.
struct Found {
    by_path: BTreeMap<String, BTreeSet<ScalarKey>>,
    count: usize,
    coverage: Coverage,
}

impl Found {
    fn new(wanted: &IndexedFields) -> Self {
        let only = match wanted {
            IndexedFields::All => None,
            IndexedFields::Only(paths) => {
                let paths = paths.iter().map(|path| FieldPath::parse(path).text());
                let mut paths: Vec<_> = paths.collect();
                paths.sort();
                paths.dedup();
                Some(paths)
            }
        };
        Self {
            by_path: BTreeMap::new(),
            count: 0,
            coverage: Coverage { only, below: None },
        }
    }

    fn add(&mut self, path: &str, scalar: ScalarKey) {
        if !self.coverage.covers(path) {
            return;
        }
        let is_new = match self.by_path.get_mut(path) {
            Some(scalars) => scalars.insert(scalar),
            None => {
                let scalars = BTreeSet::from([scalar]);
                self.by_path.insert(path.to_owned(), scalars);
                true
            }
        };
        self.count += usize::from(is_new);
        while self.count > MAX_SCALARS
            && let Some((path, scalars)) = self.by_path.pop_last()
        {
            self.count -= scalars.len();
            self.coverage.below = Some(path);
        }
    }

    fn fields(self) -> ItemFields {
        let by_path = self.by_path.into_iter();
        let scalars = by_path.flat_map(|(path, scalars)| {
            let path: Arc<str> = path.into();
            (scalars.into_iter()).map(move |scalar| (Arc::clone(&path), scalar))
        });
        ItemFields {
            scalars: scalars.collect(),
            coverage: self.coverage,
        }
    }
}

impl Coverage {
    /// Whether an index has all that it could of the fields with this path.
    pub(crate) fn covers(&self, path: &str) -> bool {
        (self.only.as_ref())
            .is_none_or(|only| only.binary_search_by(|one| one.as_str().cmp(path)).is_ok())
            && (self.below.as_ref()).is_none_or(|below| path < below.as_str())
    }

    /// Whether that is so of all paths.
    pub(crate) fn is_whole(&self) -> bool {
        *self == Self::default()
    }

    /// As bytes, one way for each.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut to = Vec::new();
        let mut put = |text: &str| {
            to.extend(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            to.extend(text.as_bytes());
        };
        put(if self.only.is_some() { "only" } else { "" });
        put(if self.below.is_some() { "below" } else { "" });
        put(self.below.as_deref().unwrap_or_default());
        self.only.iter().flatten().for_each(|path| put(path));
        to
    }

    /// What was encoded as `from`.
    pub(crate) fn decode(mut from: &[u8]) -> Option<Self> {
        let mut take = || -> Option<Option<&str>> {
            if from.is_empty() {
                return Some(None);
            }
            let (length, rest) = from.split_first_chunk()?;
            let length = usize::try_from(u64::from_be_bytes(*length)).ok()?;
            let (text, rest) = rest.split_at_checked(length)?;
            from = rest;
            std::str::from_utf8(text).ok().map(Some)
        };
        let (has_only, has_below) = (!take()??.is_empty(), !take()??.is_empty());
        let below = take()??.to_owned();
        let mut only = Vec::new();
        while let Some(path) = take()? {
            only.push(path.to_owned());
        }
        Some(Self {
            only: has_only.then_some(only),
            below: has_below.then_some(below),
        })
    }
}

#[cfg(test)]
mod tests;
