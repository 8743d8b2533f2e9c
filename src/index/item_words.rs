//! The rows by which items are found by their words: for each word which items of a namespace have it, for each item its words, and for
//! each namespace how many items and words there are. The number of an item is its [place](crate::index::ItemEntry).

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use crate::index::bytes::{list, number, put_bytes, put_length, put_number, text};
use crate::index::changes::Changes;
use crate::index::postings::{self, Posting};
use crate::index::row::wrong;
use crate::index::{ItemEntry, ItemName, Key, Row, Rows, Snapshot, TablesError};
use crate::item_words::ItemWords;

/// How many items with words there are, and how many words they have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct WordCount {
    pub(crate) items: u64,
    pub(crate) words: u64,
}

/// Whose words they are, and these, as an item's row has them.
fn encode(namespace: &[String], name: &str, words: &ItemWords) -> Arc<[u8]> {
    let mut to = Vec::new();
    put_length(&mut to, namespace.len());
    for label in namespace {
        put_bytes(&mut to, label.as_bytes());
    }
    put_bytes(&mut to, name.as_bytes());
    put_length(&mut to, words.counts.len());
    for (word, count) in &words.counts {
        put_bytes(&mut to, word.as_bytes());
        put_number(&mut to, u64::from(*count));
    }
    to.into()
}

fn decode_name(from: &mut &[u8]) -> Option<ItemName> {
    let labels = list(from, |from| text(from).map(str::to_owned))?;
    Some((labels.into(), text(from)?.into()))
}

fn decode(from: &mut &[u8]) -> Option<BTreeMap<String, u32>> {
    let _ = decode_name(from)?;
    let counts = list(from, |from| {
        let word = text(from)?.to_owned();
        Some((word, u32::try_from(number(from)?).ok()?))
    })?;
    from.is_empty().then(|| counts.into_iter().collect())
}

/// Changes the rows of an item that was one way, and is to be another with `words`.
pub(super) fn change<H: Clone>(
    changes: &mut Changes<H>,
    tables: &impl Rows<Key, Row<H>>,
    before: Option<&ItemEntry<H>>,
    after: Option<(&ItemEntry<H>, &ItemWords)>,
) -> Result<(), TablesError> {
    let words = after.filter(|(entry, _)| entry.words > 0);
    let before = before.filter(|before| before.words > 0);
    let Some(of) = before.or(words.map(|(entry, _)| entry)) else {
        return Ok(());
    };
    let mut old = BTreeMap::new();
    if let Some(before) = before {
        let Some(Row::ItemWords(row)) = tables.get(&Key::ItemWords(before.place))? else {
            return Err(wrong());
        };
        old = decode(&mut &*row).ok_or_else(wrong)?;
    }
    // Nothing of an item that stays where it is goes, but for words that it has no more.
    let stays = before.is_some_and(|before| words.is_some_and(|(of, _)| of.place == before.place));
    let gone = before.map(|before| before.place);
    let is = words.map_or(0, |(entry, _)| entry.words);
    let is_same_length = stays && before.is_some_and(|before| before.words == is);
    if let Some((entry, words)) = words {
        for (word, count) in &words.counts {
            let was = old.remove(word);
            if was == Some(*count) && is_same_length {
                continue;
            }
            let (count, length) = (*count, is);
            let more = Some((entry.place, Posting { count, length }));
            let less = gone.filter(|_| was.is_some() && !stays);
            change_list(changes, tables, (word, &of.namespace), less, more)?;
        }
    }
    for word in old.keys() {
        change_list(changes, tables, (word, &of.namespace), gone, None)?;
    }
    if let Some(before) = before.filter(|_| !stays) {
        changes.set(Key::ItemWords(before.place), None);
    }
    if let Some((entry, words)) = words {
        let row = encode(&entry.namespace, &entry.key, words);
        changes.put(Key::ItemWords(entry.place), Row::ItemWords(row));
    }
    let key = Key::WordCount(Arc::clone(&of.namespace));
    let mut count = match tables.get(&key)? {
        Some(Row::WordCount(count)) => count,
        None => WordCount::default(),
        Some(_) => return Err(wrong()),
    };
    let was = before.map_or(0, |before| before.words);
    count.items = (count.items + u64::from(is > 0)).saturating_sub(u64::from(was > 0));
    count.words = (count.words + u64::from(is)).saturating_sub(u64::from(was));
    let is_left = count.items > 0;
    changes.set(key, is_left.then_some(Row::WordCount(count)));
    Ok(())
}

/// The number in the key of the last block of a list.
const LAST: u64 = u64::MAX;

/// Takes an item out of the list of a word and puts one into it: if it does both, one that is newer than all.
///
/// The last block of a list has a key that is always the same, so what is added at the end of a list needs no search. A list that has no such block
/// has no others.
fn change_list<H: Clone>(
    changes: &mut Changes<H>,
    tables: &impl Rows<Key, Row<H>>,
    (word, namespace): (&str, &Arc<[String]>),
    less: Option<u64>,
    more: Option<(u64, Posting)>,
) -> Result<(), TablesError> {
    let word: Arc<str> = word.into();
    let key = |first| Key::Posting(Arc::clone(&word), Arc::clone(namespace), first);
    let block = |row| match row {
        Row::Postings(block) => Ok(block),
        _ => Err(wrong()),
    };
    let before = |last: Bound<u64>| {
        let found = tables.previous(Bound::Included(&key(0)), last.map(key).as_ref())?;
        let found = found.map(|(key, row)| match key {
            Key::Posting(_, _, first) => Ok((first, block(row)?)),
            _ => Err(wrong()),
        });
        found.transpose()
    };
    let was = tables.get(&key(LAST))?.map(block).transpose()?;
    let mut last = was.clone();
    let begins = |block: &[u8]| postings::first(block).ok_or_else(wrong);
    if let Some(item) = less {
        let whole = was.as_ref().ok_or_else(wrong)?;
        if begins(whole)? <= item {
            let rest = postings::without(whole, item).ok_or_else(wrong)?;
            last = rest.map(Arc::from);
            if last.is_none()
                && let Some((first, block)) = before(Bound::Excluded(LAST))?
            {
                changes.set(key(first), None);
                last = Some(block);
            }
        } else {
            let (first, block) = before(Bound::Included(item))?.ok_or_else(wrong)?;
            let rest = postings::without(&block, item).ok_or_else(wrong)?;
            if let Some(rest) = rest.as_ref().filter(|rest| postings::is_small(rest))
                && let Some((before, block)) = before(Bound::Excluded(first))?
                && let Some(both) = postings::joined(&block, rest).ok_or_else(wrong)?
            {
                changes.put(key(before), Row::Postings(both.into()));
                changes.set(key(first), None);
            } else {
                changes.set(key(first), rest.map(|rest| Row::Postings(rest.into())));
            }
        }
    }
    if let Some((item, posting)) = more {
        match &last {
            None => last = Some(postings::alone(item, posting).into()),
            Some(block) if begins(block)? <= item => {
                let now = postings::with(block, item, posting).ok_or_else(wrong)?;
                if let Some(full) = now.full {
                    changes.put(key(begins(&full)?), Row::Postings(full.into()));
                }
                last = Some(now.rest.into());
            }
            Some(_) => {
                let now = match before(Bound::Included(item))? {
                    Some((_, block)) => {
                        let now = postings::with(&block, item, posting).ok_or_else(wrong)?;
                        now.full.into_iter().chain([now.rest]).collect()
                    }
                    None => vec![postings::alone(item, posting)],
                };
                for block in now {
                    changes.put(key(begins(&block)?), Row::Postings(block.into()));
                }
            }
        }
    }
    let is_same = match (&was, &last) {
        (Some(was), Some(is)) => Arc::ptr_eq(was, is),
        (was, is) => was.is_none() && is.is_none(),
    };
    if !is_same {
        changes.set(key(LAST), last.map(Row::Postings));
    }
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

    /// Hands the numbers of the items at or below a namespace that have `word` to `visit`, expired ones as well. They ascend within a namespace.
    /// Gives how many rows were read.
    pub(crate) fn items_with_word(
        &self,
        word: &str,
        prefix: &[String],
        mut visit: impl FnMut(u64, Posting),
    ) -> Result<u64, TablesError> {
        let (mut is_right, mut read) = (true, 0);
        self.tables().scan(
            Bound::Included(&Key::Posting(word.into(), prefix.into(), 0)),
            Bound::Unbounded,
            |key, row| match (key, row) {
                (Key::Posting(of, namespace, _), Row::Postings(block))
                    if **of == *word && namespace.starts_with(prefix) =>
                {
                    read += 1;
                    is_right = postings::each(block, &mut visit).is_some();
                    is_right
                }
                _ => false,
            },
        )?;
        is_right.then_some(read).ok_or_else(wrong)
    }

    /// Which item with words has this number.
    pub(crate) fn item_by_number(&self, number: u64) -> Result<Option<ItemName>, TablesError> {
        match self.tables().get(&Key::ItemWords(number))? {
            Some(Row::ItemWords(row)) => decode_name(&mut &*row).map(Some).ok_or_else(wrong),
            Some(_) => Err(wrong()),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::Index;

    use super::*;
    use crate::index::{MemTables, Tables};

    type TestTables = MemTables<Key, Row<u64>>;

    #[derive(Clone, Debug)]
    enum Change {
        New(u32),
        Gone(Index),
        Other(Index, u32),
        Again(Index, u32),
        /// An item that is not the newest comes to have the word.
        Late(u64, u32),
    }

    fn change() -> impl Strategy<Value = Change> {
        prop_oneof![
            8 => any::<u32>().prop_map(Change::New),
            3 => any::<Index>().prop_map(Change::Gone),
            2 => (any::<Index>(), any::<u32>()).prop_map(|(at, n)| Change::Other(at, n)),
            2 => (any::<Index>(), any::<u32>()).prop_map(|(at, n)| Change::Again(at, n)),
            2 => (any::<u64>(), any::<u32>()).prop_map(|(at, n)| Change::Late(at, n)),
        ]
    }

    fn apply(tables: &mut TestTables, less: Option<u64>, more: Option<(u64, Posting)>) {
        let mut changes = Changes::default();
        let namespace: Arc<[String]> = ["n".to_owned()].into();
        change_list(&mut changes, &*tables, ("w", &namespace), less, more).unwrap();
        changes.make(tables);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn a_list_is_what_was_put_into_it(changes in vec(change(), 1..900)) {
            let mut tables = TestTables::default();
            let mut model: BTreeMap<u64, Posting> = BTreeMap::new();
            // So far apart, few fill a block.
            let mut newest = 1 << 50;
            for change in changes {
                let at = |index: Index| model.keys().nth(index.index(model.len())).copied();
                newest += 1 << 50 >> 10;
                let posting = |n: u32| Posting { count: n, length: n };
                let (less, more) = match change {
                    Change::New(n) => (None, Some((newest, posting(n)))),
                    Change::Late(at, n) => (None, Some((at % newest, posting(n)))),
                    _ if model.is_empty() => continue,
                    Change::Gone(index) => (at(index), None),
                    Change::Other(index, n) => (None, at(index).map(|at| (at, posting(n)))),
                    Change::Again(index, n) => (at(index), Some((newest, posting(n)))),
                };
                apply(&mut tables, less, more);
                less.map(|item| model.remove(&item));
                model.extend(more);
            }
            let mut all = Vec::new();
            let rows = Snapshot::<u64, _>::new(tables);
            let prefix = ["n".to_owned()];
            let read = rows.items_with_word("w", &prefix, |item, posting| all.push((item, posting)));
            prop_assert!(all.iter().copied().eq(model));
            prop_assert!(read.unwrap() <= 2 + all.len() as u64 / 8);
        }
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        let namespace: Arc<[String]> = ["n".to_owned()].into();
        let mut tables = TestTables::default();
        let key = Key::Posting("w".into(), Arc::clone(&namespace), LAST);
        tables.put(key, Row::Postings([0xff; 12].into()));
        let more = Some((
            7,
            Posting {
                count: 1,
                length: 1,
            },
        ));
        for (less, more) in [(Some(7), None), (None, more)] {
            let changed = change_list(
                &mut Changes::default(),
                &tables,
                ("w", &namespace),
                less,
                more,
            );
            assert!(changed.is_err());
        }
    }
}
