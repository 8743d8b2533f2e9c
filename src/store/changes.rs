//! What a batch writes.

use std::collections::{HashMap, HashSet};

use crate::item_vectors::ItemVectors;
use crate::nesting::READABLE;
use crate::store::embedding::Embedded;
use crate::store::{Op, StoreError, namespace};
use crate::{Encoded, ItemChange};

/// The numbers of those of `ops` that write: of each key the last.
///
/// # Errors
/// [`StoreError::InvalidNamespace`].
pub(super) fn last_written(ops: &[Op]) -> Result<HashSet<usize>, StoreError> {
    let mut last: HashMap<(&[String], &str), usize> = HashMap::new();
    for (at, op) in ops.iter().enumerate() {
        if let Some(key) = written(op)? {
            last.insert(key, at);
        }
    }
    Ok(last.into_values().collect())
}

/// What `ops` write: of each key the last, in their order.
///
/// # Errors
/// [`StoreError::InvalidNamespace`], [`StoreError::TooDeep`].
pub(super) fn changes(ops: &[Op], embedded: &Embedded) -> Result<Vec<ItemChange>, StoreError> {
    changes_inside(0, ops, embedded)
}

/// As [`changes`], if each value will be read `inside` so many lists and objects.
///
/// # Errors
/// As [`changes`].
pub(super) fn changes_inside(
    inside: usize,
    ops: &[Op],
    embedded: &Embedded,
) -> Result<Vec<ItemChange>, StoreError> {
    let last = last_written(ops)?;
    let mut changes = Vec::with_capacity(last.len());
    for (at, op) in ops.iter().enumerate() {
        if let Some((namespace, key)) = written(op)?
            && last.contains(&at)
        {
            let put = match op {
                Op::Put(put) => Some(put),
                _ => None,
            };
            let value = put.map(|put| Encoded::json(&put.value));
            if value.as_ref().is_some_and(|of| of.is_too_deep(inside)) {
                return Err(StoreError::TooDeep {
                    namespace: namespace.to_vec(),
                    key: key.to_owned(),
                    most: READABLE.saturating_sub(inside),
                });
            }
            changes.push(ItemChange {
                namespace: namespace.to_vec(),
                key: key.to_owned(),
                value,
                ttl: put.map(|put| put.ttl).unwrap_or_default(),
                index: put.and_then(|put| put.index.clone()),
                texts: put.and_then(|put| put.texts.clone()),
                vectors: embedded.item(at).map(ItemVectors::encode),
            });
        }
    }
    Ok(changes)
}

/// What `op` writes to.
pub(super) fn written(op: &Op) -> Result<Option<(&[String], &str)>, StoreError> {
    Ok(match op {
        Op::Put(put) => {
            namespace::check(&put.namespace)?;
            Some((&put.namespace, &put.key))
        }
        Op::Delete { namespace, key } => namespace::may_hold(namespace).then_some((namespace, key)),
        Op::Get(_)
        | Op::Search(_)
        | Op::Count(_)
        | Op::Explain(_)
        | Op::ListNamespaces(_)
        | Op::History(_) => None,
    })
}
