//! [`InOrder`]: items one after the other in the order of a search, with no more looked up than are asked for where rows have that order.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use crate::index::{ItemEntry, Key, Row, Rows, Snapshot, TablesError};
use crate::store::cursor::Place;
use crate::store::planner::wide;
use crate::store::{Explain, Order, Search};

/// So many items are looked up at a time.
const AT_ONCE: usize = 64;

/// The next item of each namespace, by age and then by namespace and name.
type Newest = BTreeMap<(u64, Arc<[String]>, Arc<str>), Next>;

/// The next item of a namespace.
pub(super) enum Next {
    /// It was not looked for yet: not before this, and not younger than it stands.
    From(Bound<Key>),
    /// Its key.
    At(Key),
}

/// Items in the order of a search, expired ones as well.
pub(super) enum InOrder<H> {
    /// All that there are.
    All(std::vec::IntoIter<Arc<ItemEntry<H>>>),
    /// By key.
    Keys {
        prefix: Vec<String>,
        from: Bound<Key>,
        known: VecDeque<Arc<ItemEntry<H>>>,
    },
    /// Newest update first.
    Newest(Newest),
}

impl<H: Clone> InOrder<H> {
    /// The items below the prefix of a search from a place on, if rows have its order and that is less work than to go through all.
    pub(super) fn begin<T: Rows<Key, Row<H>>>(
        rows: &Snapshot<H, T>,
        search: &Search,
        after: Option<&Place>,
        explain: &mut Explain,
    ) -> Result<Option<Self>, TablesError> {
        let wanted = wide(search.limit.saturating_add(search.offset));
        match search.order {
            Order::Created => Ok(None),
            Order::Key => {
                let from = match after.map(Place::parts) {
                    Some((_, namespace, key)) => {
                        Bound::Excluded(Key::Item(namespace.into(), key.into()))
                    }
                    None => {
                        Bound::Included(Key::Item(search.prefix.as_slice().into(), Arc::default()))
                    }
                };
                Ok(Some(Self::Keys {
                    prefix: search.prefix.clone(),
                    from,
                    known: VecDeque::new(),
                }))
            }
            Order::Updated => {
                // With few items they are gone through faster.
                let few = wanted.saturating_mul(4).saturating_add(64);
                if rows.count_items(&search.prefix, few)? < few {
                    return Ok(None);
                }
                let namespaces = rows.namespaces_by_age(&search.prefix)?;
                let many = few.saturating_add(wide(namespaces.len()).saturating_mul(4));
                explain.rows_read += wide(namespaces.len());
                if rows.count_items(&search.prefix, many)? < many {
                    return Ok(None);
                }
                let youngest = after.map_or(u64::MAX, |after| after.parts().0);
                let newest = namespaces.into_iter().map(|(namespace, newest)| {
                    let from = Next::From(first_after(&namespace, after));
                    let age = u64::MAX - newest.min(youngest);
                    ((age, namespace, Arc::default()), from)
                });
                let newest = newest.collect();
                Ok(Some(Self::Newest(newest)))
            }
        }
    }

    /// The next item.
    pub(super) fn next<T: Rows<Key, Row<H>>>(
        &mut self,
        rows: &Snapshot<H, T>,
        explain: &mut Explain,
    ) -> Result<Option<Arc<ItemEntry<H>>>, TablesError> {
        match self {
            Self::All(all) => Ok(all.next()),
            Self::Keys {
                prefix,
                from,
                known,
            } => {
                if known.is_empty() {
                    known.extend(rows.items_from(prefix, from.as_ref(), AT_ONCE)?);
                    explain.rows_read += wide(known.len());
                    if let Some(last) = known.back() {
                        let (namespace, key) = (Arc::clone(&last.namespace), Arc::clone(&last.key));
                        *from = Bound::Excluded(Key::Item(namespace, key));
                    }
                }
                Ok(known.pop_front())
            }
            Self::Newest(newest) => {
                while let Some(((_, namespace, name), next)) = newest.pop_first() {
                    explain.rows_read += 1;
                    match next {
                        Next::From(from) => add(rows, newest, &namespace, from.as_ref())?,
                        Next::At(key) => {
                            add(rows, newest, &namespace, Bound::Excluded(&key))?;
                            explain.rows_read += 1;
                            return rows.item(&namespace, &name);
                        }
                    }
                }
                Ok(None)
            }
        }
    }
}

/// Where the items of a namespace begin that come after a place.
fn first_after(namespace: &Arc<[String]>, after: Option<&Place>) -> Bound<Key> {
    let of = |before, name| Key::Recent(Arc::clone(namespace), before, name);
    let Some((time, last, name)) = after.map(Place::parts) else {
        return Bound::Included(of(0, Arc::default()));
    };
    let before = u64::MAX - time;
    match (**namespace).cmp(last) {
        std::cmp::Ordering::Less => Bound::Included(of(before.saturating_add(1), Arc::default())),
        std::cmp::Ordering::Equal => Bound::Excluded(of(before, name.into())),
        std::cmp::Ordering::Greater => Bound::Included(of(before, Arc::default())),
    }
}

fn add<H: Clone, T: Rows<Key, Row<H>>>(
    rows: &Snapshot<H, T>,
    newest: &mut Newest,
    namespace: &Arc<[String]>,
    from: Bound<&Key>,
) -> Result<(), TablesError> {
    if let Some((key, name)) = rows.next_recent(namespace, from)?
        && let Key::Recent(_, before, _) = key
    {
        newest.insert((before, Arc::clone(namespace), name), Next::At(key));
    }
    Ok(())
}
