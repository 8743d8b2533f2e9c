//! [`Scoped`]: a store, seen from within a namespace.

use std::fmt;
use std::sync::Arc;

use futures::FutureExt;
use futures::future::BoxFuture;

use crate::store::{Answer, Op, Search, Store, StoreError, namespace};

/// A store, seen from within a namespace: whoever has only this can neither read nor write outside of it.
///
/// Namespaces that go in or come out are those below the prefix, without it; the rules for namespaces hold for them as for whole
/// ones.
///
/// It has no [`database`](Store::database), so a graph that is compiled with one cannot commit its items
/// with the super-step; for that, give the scope to the run
/// ([`Config::store_scope`](crate::graph::Config::store_scope)).
#[derive(Clone)]
pub struct Scoped {
    base: Arc<dyn Store>,
    prefix: Arc<[String]>,
}

impl fmt::Debug for Scoped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = &self.prefix;
        f.debug_struct("Scoped").field("prefix", prefix).finish()
    }
}

impl Scoped {
    /// `base` as it looks from within `prefix`.
    pub fn new(base: Arc<dyn Store>, prefix: &[&str]) -> Self {
        Self {
            base,
            prefix: namespace::owned(prefix).into(),
        }
    }

    pub(crate) fn within(base: Arc<dyn Store>, prefix: Arc<[String]>) -> Self {
        Self { base, prefix }
    }

    fn whole(&self, namespace: &mut Vec<String>) {
        namespace.splice(0..0, self.prefix.iter().cloned());
    }

    fn below(&self, namespace: &mut Vec<String>) {
        namespace.drain(..self.prefix.len().min(namespace.len()));
    }

    fn whole_search(&self, search: &mut Search) {
        self.whole(&mut search.prefix);
        let after = search.after.take();
        search.after = after.map(|cursor| cursor.with_namespace(|of| self.whole(of)));
    }

    fn whole_op(&self, op: &mut Op) -> Result<(), StoreError> {
        match op {
            Op::Put(put) => {
                namespace::check(&put.namespace)?;
                self.whole(&mut put.namespace);
            }
            Op::Delete { namespace, .. } => self.whole(namespace),
            Op::Get(get) => self.whole(&mut get.namespace),
            Op::Search(search) | Op::Count(search) | Op::Explain(search) => {
                self.whole_search(search)
            }
            Op::ListNamespaces(query) => self.whole(&mut query.within),
            Op::History(history) => self.whole(&mut history.namespace),
        }
        Ok(())
    }

    fn error_below(&self, mut error: StoreError) -> StoreError {
        if let StoreError::NotKept { namespace, .. } = &mut error {
            self.below(namespace);
        }
        error
    }

    fn answer_below(&self, answer: &mut Answer) {
        match answer {
            Answer::Item(item) => {
                if let Some(item) = item {
                    self.below(&mut item.namespace);
                }
            }
            Answer::Page(page) => {
                for item in &mut page.items {
                    self.below(&mut item.namespace);
                }
                let next = page.next.take();
                page.next = next.map(|cursor| cursor.with_namespace(|of| self.below(of)));
            }
            Answer::Namespaces(namespaces) => {
                namespaces.iter_mut().for_each(|of| self.below(of));
            }
            Answer::History(history) => {
                for version in &mut history.versions {
                    self.below(&mut version.item.namespace);
                }
            }
            Answer::Done | Answer::Count(_) | Answer::Explained(_) => {}
        }
    }
}

impl Store for Scoped {
    fn batch(&self, mut ops: Vec<Op>) -> BoxFuture<'_, Result<Vec<Answer>, StoreError>> {
        async move {
            ops.iter_mut().try_for_each(|op| self.whole_op(op))?;
            let answers = self.base.batch(ops).await;
            let mut answers = answers.map_err(|error| self.error_below(error))?;
            (answers.iter_mut()).for_each(|answer| self.answer_below(answer));
            Ok(answers)
        }
        .boxed()
    }
}
