//! What a store says of the past that keeps none.

use serde_json::json;

use super::Capability;
pub(super) use super::default_options as options;
use super::failure::Outcome;
use super::used::{Used, wait};
use crate::store::{Get, ItemHistory, Moment, Search};
use crate::vfs::{Host, OsHost};

pub(super) fn a_store_without_history_says_so(store: &mut Used<'_>) -> Outcome {
    if store.can(Capability::History) {
        return Ok(());
    }
    store.put(&["a"], "k", json!(1))?;
    store.put(&["a"], "gone", json!(1))?;
    wait(2);
    let then = OsHost.system_time();
    wait(2);
    store.put(&["a"], "k", json!(2))?;
    store.delete(&["a"], "gone")?;
    store.reopen();
    for key in ["k", "gone"] {
        let was = Get::new(&["a"], key).as_of(Moment::from(then));
        holds!(store.get_with(was).is_err());
    }
    holds!(store.search(Search::new(&[]).as_of(then.into())).is_err());
    // What is there now it may tell.
    if let Ok(history) = store.history(ItemHistory::new(&["a"], "k")) {
        same!(history.kept_since, None::<std::time::SystemTime>);
        holds!(
            history
                .versions
                .iter()
                .all(|version| version.item.value == json!(2))
        );
    }
    Ok(())
}
