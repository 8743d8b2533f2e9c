//! The items: facts about users, as an agent notes them.

use serde_json::{Value, json};

const NAMESPACES: u64 = 1_000;
/// Items of the large namespace in a group.
pub(crate) const GROUP: u64 = 10;

/// So many items in 1,000 namespaces.
#[derive(Clone, Copy)]
pub(crate) struct Items {
    pub(crate) count: u64,
    /// How many of them are in the first namespace.
    pub(crate) large: u64,
}

impl Items {
    pub(crate) fn new(count: u64, lone: bool) -> Self {
        let large = match lone {
            true => count - NAMESPACES + 1,
            false => count / 10,
        };
        Self { count, large }
    }

    /// The labels of item `n`.
    pub(crate) fn namespace(&self, n: u64) -> [String; 2] {
        let namespace = match n < self.large {
            true => 0,
            false => 1 + n % (NAMESPACES - 1),
        };
        ["facts".to_owned(), format!("user-{namespace:04}")]
    }

    pub(crate) fn key(n: u64) -> String {
        format!("fact-{n:08}")
    }

    /// The value of item `n` in a version of its own.
    pub(crate) fn value(n: u64, version: u64) -> Value {
        json!({
            "n": n,
            "group": format!("group-{}", n / GROUP),
            "kind": KINDS[usize::try_from(n % 8).unwrap()],
            "score": mixed(n) % 10_000,
            "by": {"model": "example-large", "version": version},
            "tags": ["fact", KINDS[usize::try_from(mixed(n) % 8).unwrap()]],
            "text": "Prefers the window seat and vegetarian meals; travels on Mondays, back on Thursdays.",
        })
    }
}

const KINDS: [&str; 8] = [
    "profile", "travel", "food", "work", "family", "health", "music", "other",
];

/// A number that looks random.
pub(crate) fn mixed(n: u64) -> u64 {
    let mut x = n.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
