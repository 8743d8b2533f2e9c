//! Answering what was. Who keeps it is the table.

use super::{Asked, Table, Unanswered};
use crate::store::scratch::Loaded;
use crate::store::{
    Ended, Ending, Get, Item, ItemHistory, ItemVersion, Search, StoreError, Versions,
};
use crate::time;

/// What an item was until it was replaced or removed.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) item: Loaded,
    /// Microseconds since the Unix epoch.
    pub(crate) ended_at: u64,
    pub(crate) was_removed: bool,
}

impl Past {
    fn into_version(self) -> ItemVersion {
        let expired = self.item.expires_at.filter(|at| *at <= self.ended_at);
        let how = match (expired, self.was_removed) {
            (Some(_), _) => Ending::Expired,
            (None, true) => Ending::Deleted,
            (None, false) => Ending::Replaced,
        };
        ItemVersion {
            number: self.item.updated_at,
            ended: Some(Ended {
                at: time::from_micros(expired.unwrap_or(self.ended_at)),
                how,
            }),
            item: self.item.into_item(),
        }
    }
}

impl<T: Table> Asked<'_, T> {
    pub(super) async fn get_at(
        &mut self,
        get: &Get,
        at: u64,
    ) -> Result<Option<Item>, Unanswered<T::Error>> {
        let now = self.one(&get.namespace, &get.key).await;
        let now = now.map_err(Unanswered::Table)?;
        if let Some(row) = now.filter(|row| row.updated_at <= at) {
            return Ok(Some(row)
                .filter(|row| row.is_alive(at))
                .map(Loaded::into_item));
        }
        let rules = self.table.rules().await.map_err(Unanswered::Table)?;
        let since = rules.since(&get.namespace).map(|(_, since)| since);
        let before = at.saturating_add(1);
        let past = self.past(&get.namespace, &get.key, before, 1).await;
        let past = past.map_err(Unanswered::Table)?.pop();
        let shown = past.filter(|past| since.is_some_and(|since| past.ended_at > since));
        if let Some(past) = shown.filter(|past| past.ended_at > at) {
            let item = Some(past.item).filter(|row| row.is_alive(at));
            return Ok(item.map(Loaded::into_item));
        }
        if since.is_some_and(|since| at >= since) {
            return Ok(None);
        }
        Err(not_kept(&get.namespace, since).into())
    }

    /// Sees whether it is known what there was when `search` says.
    pub(super) async fn check_kept(&mut self, search: &Search) -> Result<(), Unanswered<T::Error>> {
        let Some(moment) = search.as_of else {
            return Ok(());
        };
        let rules = self.table.rules().await.map_err(Unanswered::Table)?;
        let since = rules.since_below(&search.prefix).map(|(_, since)| since);
        match since.is_some_and(|since| moment.at >= since) {
            true => Ok(()),
            false => Err(not_kept(&search.prefix, since).into()),
        }
    }

    pub(super) async fn history(
        &mut self,
        of: &ItemHistory,
    ) -> Result<Versions, Unanswered<T::Error>> {
        let mut versions = Vec::new();
        let before = of.before.unwrap_or(u64::MAX);
        let now = self.one(&of.namespace, &of.key).await;
        let now = now.map_err(Unanswered::Table)?;
        if let Some(row) = now.filter(|row| row.updated_at < before && of.limit > 0) {
            let expired = row.expires_at.filter(|at| *at <= self.now);
            versions.push(ItemVersion {
                number: row.updated_at,
                ended: expired.map(|at| Ended {
                    at: time::from_micros(at),
                    how: Ending::Expired,
                }),
                item: row.into_item(),
            });
        }
        let rules = self.table.rules().await.map_err(Unanswered::Table)?;
        let since = rules.since(&of.namespace).map(|(_, since)| since);
        let limit = of.limit.saturating_sub(versions.len());
        let past = self.past(&of.namespace, &of.key, before, limit).await;
        let past = past.map_err(Unanswered::Table)?.into_iter();
        let shown = past.take_while(|past| since.is_some_and(|since| past.ended_at > since));
        versions.extend(shown.map(Past::into_version));
        Ok(Versions {
            versions,
            kept_since: since.map(time::from_micros),
        })
    }
}

fn not_kept(namespace: &[String], since: Option<u64>) -> StoreError {
    StoreError::NotKept {
        namespace: namespace.to_vec(),
        since: since.map(time::from_micros),
    }
}
