//! Moving items, page by page. The times at which they were put are not moved.

use std::time::SystemTime;

use crate::store::{Get, Item, Order, Put, Search, Store, StoreError};
use crate::transfer::{Transfer, TransferError, TransferProgress, TransferReport, TransferStage};
use crate::vfs::{Host, OsHost};

/// So many items are read at a time.
const PAGE: usize = 1_000;

/// Gives all items, page by page.
pub(super) async fn pages(
    of: &dyn Store,
    mut with: impl AsyncFnMut(Vec<Item>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut search = Search::new(&[])
        .order(Order::Key)
        .limit(PAGE)
        .refresh_ttl(false);
    loop {
        let page = of.page(search.clone()).await?;
        let next = page.next;
        with(page.items).await?;
        match next {
            Some(next) => search.after = Some(next),
            None => return Ok(()),
        }
    }
}

/// The same item elsewhere, if it is there.
pub(super) async fn same(of: &dyn Store, item: &Item) -> Result<Option<Item>, StoreError> {
    let namespace: Vec<&str> = item.namespace.iter().map(String::as_str).collect();
    of.get_with(Get::new(&namespace, item.key.clone()).refresh_ttl(false))
        .await
}

impl Transfer {
    pub(super) async fn move_items(
        &self,
        from: &dyn Store,
        to: &dyn Store,
        report: &mut TransferReport,
        progress: &mut (dyn FnMut(TransferProgress) + Send),
    ) -> Result<(), TransferError> {
        let mut done = 0;
        pages(from, async |items| {
            for item in items {
                done += 1;
                let stage = TransferStage::Items;
                progress(TransferProgress {
                    stage,
                    done,
                    of: done,
                });
                let there = same(to, &item).await?;
                if there.is_some_and(|there| there.value == item.value) {
                    report.present_items += 1;
                    continue;
                }
                report.items += 1;
                if !self.dry_run {
                    to.put_with(put_of(item, OsHost.system_time())).await?;
                }
            }
            Ok(())
        })
        .await?;
        Ok(())
    }
}

fn put_of(item: Item, now: SystemTime) -> Put {
    let namespace: Vec<&str> = item.namespace.iter().map(String::as_str).collect();
    let put = Put::new(&namespace, item.key, item.value);
    match item.expires_at {
        Some(at) => put.ttl(at.duration_since(now).unwrap_or_default()),
        None => put.forever(),
    }
}
