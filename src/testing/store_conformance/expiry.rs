//! Items that expire.

use std::time::{Duration, SystemTime};

use serde_json::json;

use super::failure::Outcome;
use super::used::{Used, wait};
use crate::store::{Get, ListNamespaces, Put, Search, StoreOptions};
use crate::vfs::{Host, OsHost};

const SHORT: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(3600);

pub(super) fn options() -> StoreOptions {
    super::default_options()
        .ttl(&["fleeting"], Some(LONG))
        .ttl(&["fleeting", "stays"], None)
        .refresh_on_read(&["fixed"], false)
}

fn short(key: &str) -> Put {
    Put::new(&["a"], key, json!({"n": 1})).ttl(SHORT)
}

pub(super) fn an_item_that_has_expired_is_never_read(store: &mut Used<'_>) -> Outcome {
    store.put(&["a"], "stays", json!({"n": 1}))?;
    store.put_with(short("goes"))?;
    store.put_with(Put::new(&["b"], "goes", json!({"n": 1})).ttl(SHORT))?;
    store.put_with(Put::new(&["c"], "at once", json!(1)).ttl(Duration::ZERO))?;
    holds!(store.get(&["c"], "at once")?.is_none());
    let expires_at = store.there(&["a"], "goes")?.expires_at;
    holds!(expires_at.is_some_and(|at| at > OsHost.system_time()));
    wait(400);
    let gone = |store: &mut Used<'_>| -> Outcome {
        holds!(store.get(&["a"], "goes")?.is_none());
        same!(store.keys(Search::new(&[]).refresh_ttl(true))?, ["stays"]);
        same!(store.matching(&[], &json!({"n": 1}))?, ["stays"]);
        same!(store.count(Search::new(&[]))?, 1);
        same!(store.namespaces(ListNamespaces::default())?, ["a"]);
        Ok(())
    };
    gone(store)?;
    store.reopen();
    gone(store)
}

pub(super) fn the_put_and_the_longest_prefix_say_how_long_an_item_lives(
    store: &mut Used<'_>,
) -> Outcome {
    store.put(&["fleeting"], "k", json!(1))?;
    store.put(&["fleeting", "stays"], "k", json!(1))?;
    store.put(&["fleeting2"], "k", json!(1))?;
    store.put_with(Put::new(&["fleeting"], "own", json!(1)).ttl(2 * LONG))?;
    store.put_with(Put::new(&["fleeting"], "forever", json!(1)).forever())?;
    store.reopen();
    let lives = |namespace: &[&str], key| {
        let item = store.get_with(Get::new(namespace, key).refresh_ttl(false))?;
        let lives = item.map(|item| Some(item.expires_at?.duration_since(item.updated_at).ok()));
        Ok::<_, super::Failure>(lives.flatten().flatten())
    };
    same!(lives(&["fleeting"], "k")?, Some(LONG));
    same!(lives(&["fleeting", "stays"], "k")?, None::<Duration>);
    same!(lives(&["fleeting2"], "k")?, None::<Duration>);
    same!(lives(&["fleeting"], "own")?, Some(2 * LONG));
    same!(lives(&["fleeting"], "forever")?, None::<Duration>);
    holds!(store.get(&["fleeting"], "forever")?.is_some());
    Ok(())
}

pub(super) fn reading_refreshes_unless_told_otherwise(store: &mut Used<'_>) -> Outcome {
    // A machine that is busy may take as long again for the calls between two waits.
    let life = 3 * SHORT;
    for key in ["read", "searched", "looked at"] {
        store.put_with(short(key).ttl(life))?;
    }
    store.put_with(Put::new(&["fixed"], "k", json!(1)).ttl(life))?;
    store.put_with(Put::new(&["fixed"], "read", json!(1)).ttl(life))?;
    let updated_at = store.there(&["a"], "read")?.updated_at;
    for _ in 0..3 {
        wait(450);
        holds!(store.get(&["a"], "read")?.is_some());
        holds!(
            store
                .get_with(Get::new(&["fixed"], "read").refresh_ttl(true))?
                .is_some()
        );
        let search = Search::new(&["a"]).filter(crate::store::Filter::eq("n", 1));
        drop(store.get_with(Get::new(&["a"], "looked at").refresh_ttl(false))?);
        drop(store.get(&["fixed"], "k")?);
        drop(store.search(search.limit(1))?);
        drop(store.get(&["a"], "searched")?);
    }
    store.reopen();
    let item = store.there(&["a"], "read")?;
    same!(item.updated_at, updated_at);
    holds!(store.get_with(Get::new(&["fixed"], "read"))?.is_some());
    holds!(store.get(&["a"], "searched")?.is_some());
    holds!(store.get(&["fixed"], "k")?.is_none());
    Ok(())
}

pub(super) fn a_key_put_again_after_it_expired_is_new(store: &mut Used<'_>) -> Outcome {
    store.put_with(short("k"))?;
    let old = store.there(&["a"], "k")?;
    wait(400);
    store.put(&["a"], "k", json!(2))?;
    store.reopen();
    let new = store.there(&["a"], "k")?;
    holds!(new.created_at > old.created_at);
    same!(new.created_at, new.updated_at);
    same!(new.expires_at, None::<SystemTime>);
    Ok(())
}

pub(super) fn a_put_without_a_life_ends_the_one_before(store: &mut Used<'_>) -> Outcome {
    store.put_with(short("k"))?;
    store.put(&["a"], "k", json!(2))?;
    wait(400);
    store.reopen();
    same!(store.there(&["a"], "k")?.value, json!(2));
    Ok(())
}

pub(super) fn expiry_is_what_it_was_after_opening_again(store: &mut Used<'_>) -> Outcome {
    store.put_with(Put::new(&["a"], "k", json!(1)).ttl(LONG))?;
    let before = store.get_with(Get::new(&["a"], "k").refresh_ttl(false))?;
    store.reopen();
    let after = store.get_with(Get::new(&["a"], "k").refresh_ttl(false))?;
    same!(after, before);
    holds!(after.is_some_and(|item| item.expires_at.is_some()));
    Ok(())
}
