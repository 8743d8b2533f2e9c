//! [`Held`]: a value that can be shared, and can grow while it is. Must never know what the value means.

use std::sync::{Arc, OnceLock};

use serde_json::Value;

/// A channel's value. A list may be in two parts: one that others may be reading, and what was added since.
///
/// Cloning it is cheap, and so is adding to a clone: a conditional edge sees a long list with one element more without
/// anybody copying the list.
#[derive(Clone, Debug)]
pub(in crate::graph) struct Held {
    base: Arc<Value>,
    /// What comes after the elements of `base`, which is a list if there are any.
    added: Arc<Vec<Value>>,
    /// Both parts as one, for whoever has asked for it.
    joined: OnceLock<Arc<Value>>,
}

impl Held {
    /// The value as one, which is put together now if it is in two parts.
    pub(in crate::graph) fn whole(&self) -> &Arc<Value> {
        if self.added.is_empty() {
            return &self.base;
        }
        self.joined.get_or_init(|| Arc::new(self.to_value()))
    }

    /// A copy of the value.
    pub(in crate::graph) fn to_value(&self) -> Value {
        match self.elements() {
            Some(elements) if !self.added.is_empty() => elements.cloned().collect(),
            _ => Value::clone(&self.base),
        }
    }

    /// The value itself; a copy if somebody else has it too.
    pub(in crate::graph) fn into_value(mut self) -> Value {
        self.join();
        Arc::unwrap_or_clone(self.base)
    }

    /// The number of elements, if it is a list.
    pub(in crate::graph) fn len(&self) -> Option<usize> {
        Some(self.base.as_array()?.len() + self.added.len())
    }

    /// The elements, if it is a list. Skipping some costs nothing.
    pub(in crate::graph) fn elements(&self) -> Option<impl DoubleEndedIterator<Item = &Value>> {
        Some(self.base.as_array()?.iter().chain(self.added.iter()))
    }

    /// Element number `place`, if it is a list and has one.
    pub(in crate::graph) fn element(&self, place: usize) -> Option<&Value> {
        let base = self.base.as_array()?;
        match place.checked_sub(base.len()) {
            None => base.get(place),
            Some(place) => self.added.get(place),
        }
    }

    /// Adds `elements` at the end of the list, without touching what others have of it.
    ///
    /// # Errors
    /// It is no list; the elements are handed back.
    pub(in crate::graph) fn grow(&mut self, elements: Vec<Value>) -> Result<(), Vec<Value>> {
        if !self.base.is_array() {
            return Err(elements);
        }
        if !elements.is_empty() {
            self.joined = OnceLock::new();
            Arc::make_mut(&mut self.added).extend(elements);
        }
        Ok(())
    }

    /// Makes one part of the two: in place, or by a copy if somebody else still has the first.
    pub(in crate::graph) fn join(&mut self) {
        if self.added.is_empty() {
            return;
        }
        self.joined = OnceLock::new();
        let added = std::mem::take(Arc::make_mut(&mut self.added));
        if let Value::Array(list) = Arc::make_mut(&mut self.base) {
            list.extend(added);
        }
    }

    /// The list, to be changed; a copy of it if somebody else has it too. `None` if it is no list.
    pub(in crate::graph) fn list_mut(&mut self) -> Option<&mut Vec<Value>> {
        self.join();
        match Arc::make_mut(&mut self.base) {
            Value::Array(list) => Some(list),
            _ => None,
        }
    }
}

impl From<Arc<Value>> for Held {
    fn from(value: Arc<Value>) -> Self {
        Self {
            base: value,
            added: Arc::default(),
            joined: OnceLock::new(),
        }
    }
}

impl From<Value> for Held {
    fn from(value: Value) -> Self {
        Arc::new(value).into()
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        match (self.elements(), other.elements()) {
            (Some(own), Some(others)) => own.eq(others),
            _ => self.base == other.base,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn grown(base: Value, added: Value) -> Held {
        let mut held = Held::from(base);
        let Value::Array(added) = added else { panic!() };
        held.grow(added).unwrap();
        held
    }

    #[test]
    fn a_list_in_two_parts_reads_like_one() {
        let held = grown(json!([1, 2]), json!([3]));
        assert_eq!(held.len(), Some(3));
        let backwards: Vec<_> = held.elements().unwrap().rev().collect();
        assert_eq!(backwards, [&json!(3), &json!(2), &json!(1)]);
        assert_eq!(held.element(1), Some(&json!(2)));
        assert_eq!(held.element(2), Some(&json!(3)));
        assert_eq!(held.element(3), None);
        assert_eq!(**held.whole(), json!([1, 2, 3]));
        assert_eq!(held, Held::from(json!([1, 2, 3])));
        assert_eq!(held.into_value(), json!([1, 2, 3]));
    }

    #[test]
    fn a_clone_that_grows_is_not_seen_by_the_original_and_shares_its_elements() {
        let original = Held::from(json!(["a"]));
        let mut clone = original.clone();
        clone.grow(vec![json!("b")]).unwrap();
        assert!(Arc::ptr_eq(&original.base, &clone.base));
        assert_eq!(original.to_value(), json!(["a"]));
        clone.join();
        assert_eq!(original.to_value(), json!(["a"]));
        assert_eq!(clone.to_value(), json!(["a", "b"]));
    }

    #[test]
    fn nobody_copies_a_list_that_only_one_has() {
        let mut held = grown(json!(["a"]), json!([]));
        let element = held.element(0).unwrap().as_str().unwrap().as_ptr();
        held.grow(vec![json!("b")]).unwrap();
        held.join();
        assert_eq!(held.element(0).unwrap().as_str().unwrap().as_ptr(), element);
    }

    #[test]
    fn what_was_put_together_is_forgotten_when_it_grows() {
        let mut held = grown(json!([1]), json!([2]));
        assert_eq!(**held.whole(), json!([1, 2]));
        held.grow(vec![json!(3)]).unwrap();
        assert_eq!(**held.whole(), json!([1, 2, 3]));
    }

    #[test]
    fn only_lists_grow() {
        assert_eq!(
            Held::from(json!({})).grow(vec![json!(1)]),
            Err(vec![json!(1)])
        );
        assert_eq!(Held::from(json!("x")).len(), None);
    }
}
