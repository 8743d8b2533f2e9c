//! Which namespaces can hold items, and which a query means.

use crate::store::{ListNamespaces, StoreError};

/// `namespace` as it is kept, if it can hold items.
///
/// # Errors
/// [`StoreError::InvalidNamespace`].
pub(crate) fn checked(namespace: &[&str]) -> Result<Vec<String>, StoreError> {
    let reason = if namespace.is_empty() {
        "is empty: give it at least one label"
    } else if namespace.iter().any(|label| label.is_empty()) {
        "has an empty label: leave it out or name it"
    } else if namespace.iter().any(|label| label.contains('.')) {
        "has a label with a `.`: use several labels or another character"
    } else if namespace.first() == Some(&"langgraph") {
        "begins with `langgraph`, which is reserved: begin it with another label"
    } else {
        return Ok(owned(namespace));
    };
    Err(StoreError::InvalidNamespace {
        namespace: owned(namespace),
        reason,
    })
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
    let mut last = None;
    all.filter(|namespace| begins(namespace, &query.prefix) && ends(namespace, &query.suffix))
        .map(|namespace| {
            let depth = query.max_depth.unwrap_or(usize::MAX);
            namespace.get(..depth).unwrap_or(namespace)
        })
        // Cutting sorted lists of labels leaves them sorted, so equal ones follow one another.
        .filter(|namespace| last.replace(*namespace) != Some(*namespace))
        .skip(query.offset)
        .take(query.limit)
        .map(<[String]>::to_vec)
        .collect()
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
        match checked(namespace) {
            Err(StoreError::InvalidNamespace { reason, .. }) => reason,
            _ => "",
        }
    }

    #[test]
    fn a_namespace_that_cannot_hold_items_is_refused_with_advice() {
        assert!(reason(&[]).contains("at least one label"));
        assert!(reason(&["a", ""]).contains("empty label"));
        assert!(reason(&["a.b"]).contains("several labels"));
        assert!(reason(&["langgraph", "x"]).contains("reserved"));
    }

    #[test]
    fn any_other_unicode_is_a_label() {
        for label in ["langgraph ", "ü", "日本", "a b", "*", "\0", "/"] {
            assert!(checked(&[label]).is_ok(), "{label:?}");
        }
        assert!(checked(&["a", "langgraph"]).is_ok());
    }
}
