//! Moving items, page by page, with their times.

use std::collections::HashMap;

use crate::store::StoreError;
use crate::store::moving::{ItemName, ItemPage, MovedItem, UnreadItem};
use crate::transfer::place::End;
use crate::transfer::report::MOST;
use crate::transfer::{
    PassedOver, Transfer, TransferError, TransferProgress, TransferReport, TransferStage,
};

/// What becomes of the items of a page.
#[derive(Default)]
struct Sorted {
    present: u64,
    new: Vec<MovedItem>,
    /// The target has others, which were put later.
    newer: Vec<ItemName>,
}

impl Transfer {
    pub(super) async fn move_items(
        &self,
        from: &dyn End,
        to: &dyn End,
        report: &mut TransferReport,
        progress: &mut (dyn FnMut(TransferProgress) + Send),
    ) -> Result<(), TransferError> {
        let mut done = 0;
        let mut last = None;
        loop {
            let page = from.items(last).await?;
            done += u64::try_from(page.items.len()).unwrap_or(u64::MAX);
            let next = page.next.clone();
            let items = self.readable(page, report)?;
            let sorted = sorted(items, to).await?;
            report.present_items += sorted.present;
            report.items += u64::try_from(sorted.new.len()).unwrap_or(u64::MAX);
            for name in sorted.newer {
                report.newer_items += 1;
                if report.conflict_items.len() < MOST {
                    report.conflict_items.push(name_of(&name));
                }
            }
            let vectors = sorted.new.iter().filter(|item| item.has_vectors).count();
            report.vectors += u64::try_from(vectors).unwrap_or(u64::MAX);
            if !self.dry_run && !sorted.new.is_empty() {
                to.put_items(sorted.new).await?;
            }
            progress(TransferProgress {
                stage: TransferStage::Items,
                done,
                of: done,
            });
            match next {
                Some(next) => last = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// The items of a page that can be read and held; the others are passed over, if that is wanted.
    fn readable(
        &self,
        page: ItemPage,
        report: &mut TransferReport,
    ) -> Result<Vec<MovedItem>, TransferError> {
        let mut items = Vec::with_capacity(page.items.len());
        for item in page.items {
            let item = item.and_then(|item| match UnreadItem::of_name(&item.name()) {
                Some(unread) => Err(unread),
                None => Ok(item),
            });
            match item {
                Ok(item) => items.push(item),
                Err(unread) if self.skip_unreadable => report.passed_over.push(PassedOver::Item {
                    namespace: unread.name.0,
                    key: unread.name.1,
                    reason: unread.reason,
                }),
                Err(unread) => {
                    return Err(TransferError::Item {
                        name: name_of(&unread.name),
                        reason: unread.reason,
                    });
                }
            }
        }
        Ok(items)
    }
}

async fn sorted(items: Vec<MovedItem>, to: &dyn End) -> Result<Sorted, StoreError> {
    let there = by_name(to, &items).await?;
    let mut sorted = Sorted::default();
    for item in items {
        match there.get(&item.name()) {
            Some(there) if item.is_in(there) => sorted.present += 1,
            Some(there) if there.item.updated_at > item.item.updated_at => {
                sorted.newer.push(item.name());
            }
            _ => sorted.new.push(item),
        }
    }
    Ok(sorted)
}

/// Those of the same names elsewhere.
async fn by_name(
    to: &dyn End,
    items: &[MovedItem],
) -> Result<HashMap<ItemName, MovedItem>, StoreError> {
    if items.is_empty() {
        return Ok(HashMap::new());
    }
    let names = items.iter().map(MovedItem::name).collect();
    let there = to.items_of(names).await?.into_iter();
    Ok(there.map(|item| (item.name(), item)).collect())
}

/// Compares the items of both sides.
pub(super) async fn compare(
    from: &dyn End,
    to: &dyn End,
    report: &mut TransferReport,
) -> Result<(), StoreError> {
    let mut last = None;
    loop {
        let page = from.items(last).await?;
        let items: Vec<_> = page.items.into_iter().flatten().collect();
        let there = by_name(to, &items).await?;
        for item in &items {
            let name = item.name();
            if UnreadItem::of_name(&name).is_some() {
                continue;
            }
            report.compared += 1;
            let differs = match there.get(&name) {
                // It was told of.
                Some(there) if there.item.updated_at > item.item.updated_at => None,
                Some(there) if item.is_in(there) => None,
                Some(there) if item.item.value == there.item.value => Some("its times"),
                Some(_) => Some("its value"),
                None => Some("it is on one side only"),
            };
            if let Some(what) = differs {
                report.differs(format!("{}: {what}", name_of(&name)));
            }
        }
        match page.next {
            Some(next) => last = Some(next),
            None => return Ok(()),
        }
    }
}

fn name_of((namespace, key): &ItemName) -> String {
    format!("item `{key}` in namespace {namespace:?}")
}
