//! [`Cursor`]: a place in an order of items.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use crate::store::{Item, Order, StoreError};
use crate::time;

/// A place in an order of items: right behind one of them, whether or not that is still there.
///
/// Pages that follow cursors never show an item twice, and show every item that stays as it is exactly once, whatever is written
/// meanwhile. In [`Order::Updated`] an item that is put meanwhile goes to the front, which is behind the reader; in the other orders
/// it keeps its place.
///
/// As text it can be given out of the program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    pub(super) order: Order,
    pub(super) place: Place,
}

/// Where an item is in an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Microseconds since the Unix epoch; 0 if the order is not by time.
    time: u64,
    namespace: Vec<String>,
    key: String,
}

impl Order {
    /// Of the two times of an item, in microseconds since the Unix epoch, the one that it is ordered by.
    pub(super) fn time(self, created_at: u64, updated_at: u64) -> u64 {
        match self {
            Self::Updated => updated_at,
            Self::Created => created_at,
            Self::Key => 0,
        }
    }

    /// The order of two items, each by its time, namespace and key.
    pub(super) fn compare(self, a: (u64, &[String], &str), b: (u64, &[String], &str)) -> Ordering {
        let by_time = match self {
            Self::Updated => b.0.cmp(&a.0),
            Self::Created | Self::Key => a.0.cmp(&b.0),
        };
        by_time.then_with(|| (a.1, a.2).cmp(&(b.1, b.2)))
    }

    fn name(self) -> &'static str {
        match self {
            Self::Updated => "updated",
            Self::Created => "created",
            Self::Key => "key",
        }
    }

    /// Where `item` is.
    pub(super) fn place(self, item: &Item) -> Place {
        let (created_at, updated_at) = (item.created_at, item.updated_at);
        Place {
            time: self.time(time::to_micros(created_at), time::to_micros(updated_at)),
            namespace: item.namespace.clone(),
            key: item.key.clone(),
        }
    }
}

impl Place {
    pub(super) fn parts(&self) -> (u64, &[String], &str) {
        (self.time, &self.namespace, &self.key)
    }
}

impl Cursor {
    /// The place right behind `item`.
    pub fn behind(item: &Item, order: Order) -> Self {
        Self {
            place: order.place(item),
            order,
        }
    }

    /// The same with the namespace seen from within `prefix`, or from outside of it.
    pub(super) fn with_namespace(mut self, change: impl FnOnce(&mut Vec<String>)) -> Self {
        change(&mut self.place.namespace);
        self
    }

    /// # Errors
    /// [`StoreError::InvalidCursor`] if it is of another order.
    pub(super) fn place_in(&self, order: Order) -> Result<&Place, StoreError> {
        if self.order == order {
            return Ok(&self.place);
        }
        Err(StoreError::InvalidCursor {
            cursor: self.to_string(),
            reason: "it is of another order: go on in the order that it was got in",
        })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place {
            time,
            namespace,
            key,
        } = &self.place;
        let parts = serde_json::json!([self.order.name(), time, namespace, key]);
        write!(f, "{parts}")
    }
}

impl FromStr for Cursor {
    type Err = StoreError;

    fn from_str(text: &str) -> Result<Self, StoreError> {
        let read = || {
            let parts: (String, u64, Vec<String>, String) = serde_json::from_str(text).ok()?;
            let (order, time, namespace, key) = parts;
            let orders = [Order::Updated, Order::Created, Order::Key];
            Some(Self {
                order: orders.into_iter().find(|one| one.name() == order)?,
                place: Place {
                    time,
                    namespace,
                    key,
                },
            })
        };
        read().ok_or_else(|| StoreError::InvalidCursor {
            cursor: text.to_owned(),
            reason: "it is not the text of one: give it back as it was given out",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_comes_back_from_its_text() {
        let cursor = Cursor {
            order: Order::Created,
            place: Place {
                time: 7,
                namespace: vec!["a\"".into(), "\0".into()],
                key: "日".into(),
            },
        };
        assert_eq!(cursor.to_string().parse::<Cursor>().unwrap(), cursor);
        for text in ["", "[]", r#"["sideways",1,[],"k"]"#, r#"["key",-1,[],"k"]"#] {
            let refused = text.parse::<Cursor>();
            assert!(matches!(refused, Err(StoreError::InvalidCursor { .. })));
        }
    }
}
