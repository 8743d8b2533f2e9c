//! [`Op`]: one thing that is asked of a store.

use std::time::Duration;

use serde_json::Value;

use crate::store::{IndexedFields, ListNamespaces, Moment, Search, TextFields, Ttl, namespace};

/// One thing that is asked of a store, by itself or in a [batch](crate::store::Store::batch).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Op {
    /// Remember a value.
    Put(Put),
    /// Forget an item. It is no error if there is none.
    Delete {
        /// Where it is.
        namespace: Vec<String>,
        /// Its name within the namespace.
        key: String,
    },
    /// Read an item.
    Get(Get),
    /// Find items.
    Search(Search),
    /// Tell how many items a search would find without a limit or offset.
    Count(Search),
    /// Search, and tell how that is done instead of what is found.
    Explain(Search),
    /// List namespaces.
    ListNamespaces(ListNamespaces),
    /// Tell what an item was.
    History(ItemHistory),
}

/// A value to be remembered under a key, in place of what was there.
///
/// ```
/// use std::time::Duration;
/// use serde_json::json;
/// use stepwell::store::{IndexedFields, Put};
///
/// let put = Put::new(&["alice", "session"], "cart", json!({"items": 3}))
///     .ttl(Duration::from_secs(1800))
///     .index(IndexedFields::NONE);
/// # drop(put);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Put {
    /// Where it is kept, label by label.
    pub namespace: Vec<String>,
    /// Its name within the namespace.
    pub key: String,
    /// What is remembered.
    pub value: Value,
    /// For how long.
    pub ttl: Ttl,
    /// Which of its fields are in the index; `None`: those that the store's options say.
    pub index: Option<IndexedFields>,
    /// Which of its texts a query looks at; `None`: those that the store's options say.
    pub texts: Option<TextFields>,
}

impl Put {
    /// `value` under `key`, as the store's options say.
    pub fn new(namespace: &[&str], key: impl Into<String>, value: Value) -> Self {
        Self {
            namespace: namespace::owned(namespace),
            key: key.into(),
            value,
            ttl: Ttl::Default,
            index: None,
            texts: None,
        }
    }

    /// It expires so long after this put, or after a read that refreshes it.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Ttl::After(ttl);
        self
    }

    /// It stays until it is deleted, whatever the options say.
    #[must_use]
    pub fn forever(mut self) -> Self {
        self.ttl = Ttl::Never;
        self
    }

    /// These of its fields are in the index.
    #[must_use]
    pub fn index(mut self, fields: IndexedFields) -> Self {
        self.index = Some(fields);
        self
    }

    /// A query looks at these of its texts.
    #[must_use]
    pub fn texts(mut self, texts: TextFields) -> Self {
        self.texts = Some(texts);
        self
    }
}

/// An item to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Get {
    /// Where it is kept, label by label.
    pub namespace: Vec<String>,
    /// Its name within the namespace.
    pub key: String,
    /// Whether it lives as long again from now on, if it expires; `None`: as the store's
    /// [options](crate::store::StoreOptions::refresh_on_read) say.
    pub refresh_ttl: Option<bool>,
    /// As it was then, instead of now. That refreshes nothing.
    pub as_of: Option<Moment>,
}

/// An item of which it is asked what it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemHistory {
    /// Where it is kept, label by label.
    pub namespace: Vec<String>,
    /// Its name within the namespace.
    pub key: String,
    /// Only what it was before the version with this [number](crate::store::ItemVersion::number).
    pub before: Option<u64>,
    /// At most so many versions; 100 by default.
    pub limit: usize,
}

impl ItemHistory {
    /// The newest 100 versions of the item under `key`.
    pub fn new(namespace: &[&str], key: impl Into<String>) -> Self {
        Self {
            namespace: namespace::owned(namespace),
            key: key.into(),
            before: None,
            limit: 100,
        }
    }

    /// Only what it was before the version with this [number](crate::store::ItemVersion::number).
    #[must_use]
    pub fn before(mut self, number: u64) -> Self {
        self.before = Some(number);
        self
    }

    /// At most `limit` versions.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }
}

impl Get {
    /// The item under `key`.
    pub fn new(namespace: &[&str], key: impl Into<String>) -> Self {
        Self {
            namespace: namespace::owned(namespace),
            key: key.into(),
            refresh_ttl: None,
            as_of: None,
        }
    }

    /// The item as it was at a moment.
    #[must_use]
    pub fn as_of(mut self, moment: Moment) -> Self {
        self.as_of = Some(moment);
        self
    }

    /// Whether it lives as long again from now on.
    #[must_use]
    pub fn refresh_ttl(mut self, refresh: bool) -> Self {
        self.refresh_ttl = Some(refresh);
        self
    }
}

impl Op {
    /// Remembers `value` under `key`.
    pub fn put(namespace: &[&str], key: impl Into<String>, value: Value) -> Self {
        Self::Put(Put::new(namespace, key, value))
    }

    /// Reads the item under `key`.
    pub fn get(namespace: &[&str], key: impl Into<String>) -> Self {
        Self::Get(Get::new(namespace, key))
    }

    /// Forgets the item under `key`.
    pub fn delete(namespace: &[&str], key: impl Into<String>) -> Self {
        Self::Delete {
            namespace: namespace::owned(namespace),
            key: key.into(),
        }
    }
}

impl From<Put> for Op {
    fn from(put: Put) -> Self {
        Self::Put(put)
    }
}

impl From<Get> for Op {
    fn from(get: Get) -> Self {
        Self::Get(get)
    }
}

impl From<Search> for Op {
    fn from(search: Search) -> Self {
        Self::Search(search)
    }
}

impl From<ItemHistory> for Op {
    fn from(history: ItemHistory) -> Self {
        Self::History(history)
    }
}

impl From<ListNamespaces> for Op {
    fn from(query: ListNamespaces) -> Self {
        Self::ListNamespaces(query)
    }
}
