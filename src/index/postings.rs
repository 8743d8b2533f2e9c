//! Blocks of postings: which items of a namespace have a word, by the number of each, how often they have it, and how many words they have.
//!
//! A list of a word is some blocks one after the other. Each has a number that none of its items falls below, how far above that its last item
//! is, and then each item: how far it is above the one before, how often it has the word, how many words it has.
//! So an item with the greatest number yet, as a new one has, is added without reading the others.
//!
//! This module must never know what a number stands for, or what the word is.

use crate::index::bytes::{number, put_number};

/// A block does not grow beyond this, in bytes.
const FULL: usize = 1024;
/// A block that shrinks below this is joined with the one before, if both together stay below [`JOINED`].
const SMALL: usize = FULL / 4;
const JOINED: usize = FULL * 3 / 4;

/// How often a word is in an item, and how many words that has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Posting {
    pub(crate) count: u32,
    pub(crate) length: u32,
}

/// A block with one item more, or with another posting for it.
pub(super) struct With {
    /// What is full, and stays as it is.
    pub(super) full: Option<Vec<u8>>,
    /// The rest: what the next item is added to, if it has a greater number.
    pub(super) rest: Vec<u8>,
}

/// The number that no item of a block falls below. `None` if it is none.
pub(super) fn first(mut block: &[u8]) -> Option<u64> {
    number(&mut block)
}

/// Hands the items of a block to `visit`. `None` if it is none.
pub(super) fn each(mut block: &[u8], mut visit: impl FnMut(u64, Posting)) -> Option<()> {
    let block = &mut block;
    let mut item = number(block)?;
    let last = item.checked_add(number(block)?)?;
    while !block.is_empty() {
        item = item.checked_add(number(block)?)?;
        let count = u32::try_from(number(block)?).ok()?;
        let length = u32::try_from(number(block)?).ok()?;
        visit(item, Posting { count, length });
    }
    (item == last).then_some(())
}

/// The block with an item more that does not fall below its first number, or with another posting for it. `None` if it is none.
pub(super) fn with(block: &[u8], item: u64, posting: Posting) -> Option<With> {
    let mut rest = block;
    let first = number(&mut rest)?;
    let last = first.checked_add(number(&mut rest)?)?;
    if item > last {
        if rest.len() >= FULL {
            let full = Some(block.to_vec());
            let rest = alone(item, posting);
            return Some(With { full, rest });
        }
        let mut to = Vec::with_capacity(block.len() + 16);
        put_number(&mut to, first);
        put_number(&mut to, item - first);
        to.extend(rest);
        put(&mut to, item - last, posting);
        let full = None;
        return Some(With { full, rest: to });
    }
    let mut all = items(block)?;
    match all.binary_search_by_key(&item, |(item, _)| *item) {
        Ok(at) => all.get_mut(at)?.1 = posting,
        Err(at) => all.insert(at, (item, posting)),
    }
    let whole = encode(first, &all);
    if whole.len() <= FULL {
        let full = None;
        return Some(With { full, rest: whole });
    }
    let (left, right) = all.split_at(all.len() / 2);
    let middle = right.first()?.0;
    Some(With {
        full: Some(encode(first, left)),
        rest: encode(middle, right),
    })
}

/// A block with one item.
pub(super) fn alone(item: u64, posting: Posting) -> Vec<u8> {
    encode(item, &[(item, posting)])
}

/// The block without an item; nothing if none is left. `None` if it is none.
pub(super) fn without(block: &[u8], item: u64) -> Option<Option<Vec<u8>>> {
    let mut all = items(block)?;
    all.retain(|(of, _)| *of != item);
    let first = first(block)?;
    Some((!all.is_empty()).then(|| encode(first, &all)))
}

/// Whether a block is so small that it is to be [joined](joined).
pub(super) fn is_small(block: &[u8]) -> bool {
    block.len() < SMALL
}

/// A block with the items of the next one as well, if it does not get too large for that. `None` if one is none.
pub(super) fn joined(block: &[u8], next: &[u8]) -> Option<Option<Vec<u8>>> {
    if block.len() + next.len() > JOINED {
        return Some(None);
    }
    let mut all = items(block)?;
    all.extend(items(next)?);
    Some(Some(encode(first(block)?, &all)))
}

fn items(block: &[u8]) -> Option<Vec<(u64, Posting)>> {
    let mut all = Vec::with_capacity(block.len() / 3);
    each(block, |item, posting| all.push((item, posting)))?;
    Some(all)
}

fn encode(first: u64, all: &[(u64, Posting)]) -> Vec<u8> {
    let mut to = Vec::with_capacity(all.len() * 4 + 12);
    put_number(&mut to, first);
    put_number(&mut to, all.last().map_or(0, |(last, _)| last - first));
    let mut before = first;
    for (item, posting) in all {
        put(&mut to, item - before, *posting);
        before = *item;
    }
    to
}

fn put(to: &mut Vec<u8>, further: u64, posting: Posting) {
    put_number(to, further);
    put_number(to, u64::from(posting.count));
    put_number(to, u64::from(posting.length));
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_are_what_was_put_into_them(changes in vec((0_u64..3000, any::<Option<(u32, u32)>>()), 1..1500)) {
            let mut model: BTreeMap<u64, Posting> = BTreeMap::new();
            let mut blocks: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
            for (item, posting) in changes {
                let block = blocks.range(..=item).next_back().map(|(first, block)| (*first, block.clone()));
                match posting {
                    Some((count, length)) => {
                        let posting = Posting { count, length };
                        model.insert(item, posting);
                        let now = match block {
                            Some((_, block)) => with(&block, item, posting).unwrap(),
                            None => With { full: None, rest: alone(item, posting) },
                        };
                        let now = now.full.into_iter().chain([now.rest]);
                        blocks.extend(now.map(|block| (first(&block).unwrap(), block)));
                    }
                    None => {
                        model.remove(&item);
                        let Some((first, block)) = block else { continue };
                        match without(&block, item).unwrap() {
                            Some(block) => blocks.insert(first, block),
                            None => blocks.remove(&first),
                        };
                    }
                }
            }
            let mut all = BTreeMap::new();
            for block in blocks.values() {
                prop_assert!(block.len() <= FULL + 40);
                each(block, |item, posting| { all.insert(item, posting); }).unwrap();
            }
            prop_assert_eq!(&all, &model);
            let firsts: Vec<u64> = blocks.keys().copied().collect();
            for pair in firsts.windows(2) {
                let (block, next) = (&blocks[&pair[0]], &blocks[&pair[1]]);
                let Some(both) = joined(block, next).unwrap() else { continue };
                let mut items = Vec::new();
                each(&both, |item, _| items.push(item)).unwrap();
                let mut apart = Vec::new();
                each(block, |item, _| apart.push(item)).unwrap();
                each(next, |item, _| apart.push(item)).unwrap();
                prop_assert_eq!(items, apart);
            }
        }

        #[test]
        fn any_bytes_are_a_block_or_none(bytes in vec(any::<u8>(), 0..40), item in any::<u64>()) {
            let _ = each(&bytes, |_, _| ());
            let _ = without(&bytes, item);
            if first(&bytes).is_some_and(|first| item >= first) {
                let _ = with(&bytes, item, Posting { count: 1, length: 2 });
            }
        }
    }
}
