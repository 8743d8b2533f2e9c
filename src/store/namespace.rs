//! Which namespaces can hold items, and which a query means.

use crate::store::{ListNamespaces, StoreError};

/// Whether `namespace` can hold items.
///
/// # Errors
/// [`StoreError::InvalidNamespace`].
pub(crate) fn check(namespace: &[String]) -> Result<(), StoreError> {
    let reason = if namespace.is_empty() {
        "is empty: give it at least one label"
    } else if namespace.iter().any(String::is_empty) {
        "has an empty label: leave it out or name it"
    } else if namespace.iter().any(|label| label.contains('.')) {
        "has a label with a `.`: use several labels or another character"
    } else if namespace.iter().any(|label| label.contains('\0')) {
        "has a label with a NUL: leave it out"
    } else if namespace.first().is_some_and(|first| first == "langgraph") {
        "begins with `langgraph`, which is reserved: begin it with another label"
    } else {
        return Ok(());
    };
    Err(StoreError::InvalidNamespace {
        namespace: namespace.to_vec(),
        reason,
    })
}

/// Whether there may be items in a namespace: what stands in a column with its labels joined could be another one otherwise.
pub(crate) fn may_hold(namespace: &[String]) -> bool {
    let is_label = |label: &String| !label.is_empty() && !label.contains('.');
    !namespace.is_empty() && namespace.iter().all(is_label)
}

/// Labels as they are kept.
pub(crate) fn owned(labels: &[&str]) -> Vec<String> {
    labels.iter().map(ToString::to_string).collect()
}

/// The namespaces that `query` selects among the sorted `all`.
pub(crate) fn select<'n>(
    all: impl Iterator<Item = &'n [String]>,
    query: &ListNamespaces,
) -> Vec<Vec<String>> {
    let mut selection = Selection::new(query);
    let mut all = all;
    while query.limit > 0
        && all
            .next()
            .is_some_and(|namespace| selection.take(namespace))
    {}
    selection.selected
}

/// What a query selects of sorted namespaces that come one by one.
pub(crate) struct Selection<'q> {
    query: &'q ListNamespaces,
    last: Option<Vec<String>>,
    to_skip: usize,
    pub(crate) selected: Vec<Vec<String>>,
}

impl<'q> Selection<'q> {
    pub(crate) fn new(query: &'q ListNamespaces) -> Self {
        Self {
            query,
            last: None,
            to_skip: query.offset,
            selected: Vec::new(),
        }
    }

    /// Takes the next one. Whether more are wanted.
    pub(crate) fn take(&mut self, namespace: &[String]) -> bool {
        let query = self.query;
        let below = namespace.strip_prefix(query.within.as_slice());
        let is_wanted =
            below.is_some_and(|below| begins(below, &query.prefix) && ends(below, &query.suffix));
        if !is_wanted {
            return true;
        }
        let depth = query.max_depth.unwrap_or(usize::MAX);
        let depth = depth.saturating_add(query.within.len());
        let cut = namespace.get(..depth).unwrap_or(namespace);
        // Cutting sorted lists of labels leaves them sorted, so equal ones follow one another.
        if self.last.as_deref() == Some(cut) {
            return true;
        }
        self.last = Some(cut.to_vec());
        match self.to_skip.checked_sub(1) {
            Some(left) => self.to_skip = left,
            None => self.selected.push(cut.to_vec()),
        }
        self.selected.len() < query.limit
    }
}

fn begins(namespace: &[String], pattern: &[String]) -> bool {
    namespace.len() >= pattern.len() && labels_match(namespace.iter(), pattern.iter())
}

fn ends(namespace: &[String], pattern: &[String]) -> bool {
    namespace.len() >= pattern.len() && labels_match(namespace.iter().rev(), pattern.iter().rev())
}

fn labels_match<'l>(
    labels: impl Iterator<Item = &'l String>,
    pattern: impl Iterator<Item = &'l String>,
) -> bool {
    labels
        .zip(pattern)
        .all(|(label, wanted)| wanted == "*" || label == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(namespace: &[&str]) -> &'static str {
        match check(&owned(namespace)) {
            Err(StoreError::InvalidNamespace { reason, .. }) => reason,
            _ => "",
        }
    }

    #[test]
    fn a_namespace_that_cannot_hold_items_is_refused_with_advice() {
        assert!(reason(&[]).contains("at least one label"));
        assert!(reason(&["a", ""]).contains("empty label"));
        assert!(reason(&["a.b"]).contains("several labels"));
        assert!(reason(&["a\0"]).contains("NUL"));
        assert!(reason(&["langgraph", "x"]).contains("reserved"));
    }

    #[test]
    fn any_other_unicode_is_a_label() {
        for label in ["langgraph ", "ü", "日本", "a b", "*", "\u{1}", "/"] {
            assert!(check(&owned(&[label])).is_ok(), "{label:?}");
        }
        assert!(check(&owned(&["a", "langgraph"])).is_ok());
    }
}
