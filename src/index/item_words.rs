//! The rows by which items are found by their words: for each word of an item how often it is there, for each item its words, and for
//! each namespace how many items and words there are.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::index::bytes::{bytes, list, number, put_bytes, put_length, put_number};
use crate::index::changes::Changes;
use crate::index::row::wrong;
use crate::index::{ItemEntry, Key, Row, Rows, Snapshot, TablesError};
use crate::item_words::ItemWords;

/// How often a word is in an item, and how many words that has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) count: u32,
    pub(crate) length: u32,
}

/// How many items with words there are, and how many words they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WordCount {
    pub(crate) items: u64,
    pub(crate) words: u64,
}

/// The words of an item as its row has them.
fn encode(words: &ItemWords) -> Arc<[u8]> {
    let mut to = Vec::new();
    put_length(&mut to, words.counts.len());
    for (word, count) in &words.counts {
        put_bytes(&mut to, word.as_bytes());
        put_number(&mut to, u64::from(*count));
    }
    to.into()
}

fn decode(mut from: &[u8]) -> Option<BTreeMap<String, u32>> {
    let counts = list(&mut from, |from| {
        let word = std::str::from_utf8(bytes(from)?).ok()?.to_owned();
        Some((word, u32::try_from(number(from)?).ok()?))
    })?;
    from.is_empty().then(|| counts.into_iter().collect())
}

/// Changes the rows of an item that was one way, and is to be another with `words`.
pub(super) fn change<H>(
    changes: &mut Changes<H>,
    tables: &impl Rows<Key, Row<H>>,
    before: Option<&ItemEntry<H>>,
    after: Option<(&ItemEntry<H>, &ItemWords)>,
) -> Result<(), TablesError> {
    let (was, is) = (
        before.map_or(0, |before| before.words),
        after.map_or(0, |(entry, _)| entry.words),
    );
    let Some(of) = before.or(after.map(|(entry, _)| entry)) else {
        return Ok(());
    };
    if was == 0 && is == 0 {
        return Ok(());
    }
    let (namespace, name) = (&of.namespace, &of.key);
    let posting = |word: &str| {
        let (namespace, name) = (Arc::clone(namespace), Arc::clone(name));
        Key::Posting(word.into(), namespace, name)
    };
    let of_item = Key::ItemWords(Arc::clone(namespace), Arc::clone(name));
    let words = after.map(|(_, words)| words).filter(|_| is > 0);
    let mut old = BTreeMap::new();
    if was > 0 {
        let Some(Row::ItemWords(row)) = tables.get(&of_item)? else {
            return Err(wrong());
        };
        old = decode(&row).ok_or_else(wrong)?;
    }
    for (word, count) in words.iter().flat_map(|words| &words.counts) {
        if old.remove(word) != Some(*count) || was != is {
            let (count, length) = (*count, is);
            changes.put(posting(word), Row::Posting(Posting { count, length }));
        }
    }
    old.keys().for_each(|word| changes.set(posting(word), None));
    changes.set(of_item, words.map(|words| Row::ItemWords(encode(words))));
    let key = Key::WordCount(Arc::clone(namespace));
    let mut count = match tables.get(&key)? {
        Some(Row::WordCount(count)) => count,
        None => WordCount::default(),
        Some(_) => return Err(wrong()),
    };
    count.items = (count.items + u64::from(is > 0)).saturating_sub(u64::from(was > 0));
    count.words = (count.words + u64::from(is)).saturating_sub(u64::from(was));
    let is_left = count.items > 0;
    changes.set(key, is_left.then_some(Row::WordCount(count)));
    Ok(())
}

impl<H: Clone, T: Rows<Key, Row<H>>> Snapshot<H, T> {
    /// How many items with words, and words, there are at or below a namespace, in expired items as well.
    pub(crate) fn word_count(&self, prefix: &[String]) -> Result<WordCount, TablesError> {
        let mut all = WordCount::default();
        self.tables().scan(
            Bound::Included(&Key::WordCount(prefix.into())),
            Bound::Unbounded,
            |key, row| match (key, row) {
                (Key::WordCount(namespace), Row::WordCount(count))
                    if namespace.starts_with(prefix) =>
                {
                    all.items = all.items.saturating_add(count.items);
                    all.words = all.words.saturating_add(count.words);
                    true
                }
                _ => false,
            },
        )?;
        Ok(all)
    }

    /// Hands the items at or below a namespace that have `word` to `visit`, expired ones as well.
    pub(crate) fn items_with_word(
        &self,
        word: &str,
        prefix: &[String],
        mut visit: impl FnMut(&Arc<[String]>, &Arc<str>, Posting),
    ) -> Result<(), TablesError> {
        self.tables().scan(
            Bound::Included(&Key::Posting(word.into(), prefix.into(), Arc::default())),
            Bound::Unbounded,
            |key, row| match (key, row) {
                (Key::Posting(of, namespace, name), Row::Posting(posting))
                    if **of == *word && namespace.starts_with(prefix) =>
                {
                    visit(namespace, name, *posting);
                    true
                }
                _ => false,
            },
        )
    }
}
