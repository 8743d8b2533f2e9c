//! [`KeptMetadata`]: metadata of a checkpoint as they are kept in memory.

use std::borrow::Cow;

use super::Step;

/// Metadata of a checkpoint: JSON, mostly with nothing but source and step. Two are equal if and only if their bytes are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptMetadata(Kept);

#[derive(Clone, Debug, PartialEq)]
enum Kept {
    /// Source and step, and nothing else.
    Alone(u8, i64),
    /// Anything else.
    Bytes(Box<[u8]>),
}

impl KeptMetadata {
    pub(crate) fn of(bytes: impl Into<Box<[u8]>>) -> Self {
        let bytes = bytes.into();
        Self(match Step::alone_in(&bytes) {
            Some(step) => Kept::Alone(step.source, step.step),
            None => Kept::Bytes(bytes),
        })
    }

    /// Source and step, and nothing else; `None` if there is no such source.
    pub(crate) fn of_alone(source: u8, step: i64) -> Option<Self> {
        let known = Step::alone(source, step).source_name().is_some();
        known.then_some(Self(Kept::Alone(source, step)))
    }

    /// What there is to say if that is source and step, and nothing else.
    pub(crate) fn alone(&self) -> Option<Step<'static>> {
        match self.0 {
            Kept::Alone(source, step) => Some(Step::alone(source, step)),
            Kept::Bytes(_) => None,
        }
    }

    pub(crate) fn bytes(&self) -> Cow<'_, [u8]> {
        match &self.0 {
            Kept::Alone(source, step) => {
                let bytes = Step::alone(*source, *step).bytes().unwrap_or_default();
                Cow::Owned(bytes.into())
            }
            Kept::Bytes(bytes) => Cow::Borrowed(bytes),
        }
    }

    /// How many bytes they take behind themselves.
    pub(crate) fn heap_len(&self) -> usize {
        match &self.0 {
            Kept::Alone(..) => 0,
            Kept::Bytes(bytes) => bytes.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn json() -> impl Strategy<Value = String> {
        "(\\{|\\{\"a\":1,)?\"source\":\"(input|loop|else)\",\"step\":-?[0-9]{1,20}(\\}|,\"b\":1\\})"
    }

    proptest! {
        #[test]
        fn metadata_have_the_bytes_that_they_were_made_of(
            one in json(), other in json(), any in proptest::collection::vec(any::<u8>(), 0..80),
        ) {
            for bytes in [one.as_bytes(), &any] {
                prop_assert_eq!(KeptMetadata::of(bytes).bytes().into_owned(), bytes);
            }
            let is_same = KeptMetadata::of(one.as_bytes()) == KeptMetadata::of(other.as_bytes());
            prop_assert_eq!(is_same, one == other);
        }

        #[test]
        fn source_and_step_are_kept_without_their_bytes(source in 0_u8..6, step: i64) {
            let kept = KeptMetadata::of_alone(source, step);
            let bytes = Step::alone(source, step).bytes();
            prop_assert_eq!(kept.is_some(), bytes.is_some());
            if let (Some(kept), Some(bytes)) = (kept, bytes) {
                prop_assert_eq!(kept.heap_len(), 0);
                prop_assert_eq!(kept, KeptMetadata::of(bytes));
            }
        }
    }
}
