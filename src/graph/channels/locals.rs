//! [`Locals`]: values that live as long as a run and are never serialised. In the state, which is JSON, a
//! token stands for each. Must never know which channel has which.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use serde_json::{Value, json};
use uuid::Uuid;

const LOCAL: &str = "__local__";

type Local = Arc<dyn Any + Send + Sync>;

/// Values by their tokens. Clones share them.
#[derive(Clone, Default)]
pub(in crate::graph) struct Locals(Arc<RwLock<BTreeMap<Uuid, Local>>>);

impl Locals {
    /// Keeps `value`; returns its token.
    pub(in crate::graph) fn keep<T: Any + Send + Sync>(&self, value: T) -> Value {
        // Random, so that a token of another run or process stands for nothing here.
        let id = Uuid::new_v4();
        self.0.write().insert(id, Arc::new(value));
        json!({LOCAL: id.to_string()})
    }

    /// A copy of the value that `token` stands for.
    pub(in crate::graph) fn get<T: Any + Clone>(&self, token: &Value) -> Option<T> {
        let id = Uuid::parse_str(token.get(LOCAL)?.as_str()?).ok()?;
        self.0.read().get(&id)?.downcast_ref::<T>().cloned()
    }

    /// Keeps what `others` keeps too.
    pub(in crate::graph) fn adopt(&self, others: &Self) {
        if !Arc::ptr_eq(&self.0, &others.0) {
            let others = others.0.read().clone();
            self.0.write().extend(others);
        }
    }

    /// The same values, apart from these from now on.
    pub(in crate::graph) fn detached(&self) -> Self {
        Self(Arc::new(RwLock::new(self.0.read().clone())))
    }

    pub(in crate::graph) fn is_empty(&self) -> bool {
        self.0.read().is_empty()
    }
}

impl PartialEq for Locals {
    /// Always: what differs are the tokens, and those are elsewhere.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl std::fmt::Debug for Locals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Locals({})", self.0.read().len())
    }
}
