//! [`ItemVectors`]: the vectors of an item's texts, and their bytes as a value of the log.
//!
//! What is decoded may be any bytes.
//!
//! This module must never know where items are kept, or what makes vectors of texts.

use std::sync::Arc;

use crate::Encoded;

/// The tag of their value.
pub(crate) const TAG: &str = "vectors";
/// The form of its bytes.
const F32: u8 = 1;

/// The vectors of an item's texts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ItemVectors {
    /// The name of what made them.
    pub(crate) model: Arc<str>,
    /// By path of the text. All have the same number of elements, which are finite.
    pub(crate) fields: Vec<(Arc<str>, Arc<[f32]>)>,
}

impl ItemVectors {
    /// How many elements each has.
    pub(crate) fn dimension(&self) -> usize {
        self.fields.first().map_or(0, |(_, vector)| vector.len())
    }

    /// As a value, as docs/format.md says.
    pub(crate) fn encode(&self) -> Encoded {
        let mut to = vec![F32];
        put_bytes(&mut to, self.model.as_bytes());
        put_length(&mut to, self.dimension());
        put_length(&mut to, self.fields.len());
        for (path, vector) in &self.fields {
            put_bytes(&mut to, path.as_bytes());
            to.extend(vector.iter().flat_map(|element| element.to_le_bytes()));
        }
        Encoded::new(TAG, to)
    }

    /// What was encoded as `from`.
    pub(crate) fn decode(mut from: &[u8]) -> Option<Self> {
        let from = &mut from;
        let (&form, rest) = from.split_first()?;
        *from = rest;
        if form != F32 {
            return None;
        }
        let model = text(from)?;
        let dimension = length(from)?;
        let bytes = dimension.checked_mul(4)?;
        let mut fields = Vec::new();
        for _ in 0..length(from)? {
            let path = text(from)?;
            let (vector, rest) = from.split_at_checked(bytes)?;
            *from = rest;
            let (elements, _) = vector.as_chunks();
            let vector: Arc<[f32]> = elements.iter().copied().map(f32::from_le_bytes).collect();
            if vector.is_empty() || vector.iter().any(|element| !element.is_finite()) {
                return None;
            }
            fields.push((path, vector));
        }
        from.is_empty().then_some(Self { model, fields })
    }
}

fn put_length(to: &mut Vec<u8>, length: usize) {
    to.extend(u32::try_from(length).unwrap_or(u32::MAX).to_le_bytes());
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put_length(to, bytes.len());
    to.extend(bytes);
}

fn length(from: &mut &[u8]) -> Option<usize> {
    let (length, rest) = from.split_first_chunk()?;
    *from = rest;
    usize::try_from(u32::from_le_bytes(*length)).ok()
}

fn text(from: &mut &[u8]) -> Option<Arc<str>> {
    let length = length(from)?;
    let (text, rest) = from.split_at_checked(length)?;
    *from = rest;
    std::str::from_utf8(text).ok().map(Arc::from)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_encoded_is_decoded(model in ".{0,5}", fields in vec((".{0,5}", vec(-1e9_f32..1e9, 3)), 0..4)) {
            let fields = fields.into_iter().map(|(path, vector)| (path.into(), vector.into()));
            let vectors = ItemVectors { model: model.into(), fields: fields.collect() };
            let value = vectors.encode();
            prop_assert_eq!(ItemVectors::decode(value.bytes()), Some(vectors));
            for length in 0..value.bytes().len() {
                prop_assert_eq!(ItemVectors::decode(&value.bytes()[..length]), None);
            }
        }

        #[test]
        fn any_bytes_are_vectors_or_none(bytes in vec(prop_oneof![Just(0), Just(1), any::<u8>()], 0..60)) {
            let mut all = vec![F32];
            all.extend(bytes);
            if let Some(vectors) = ItemVectors::decode(&all) && !vectors.fields.is_empty() {
                prop_assert_eq!(vectors.encode().bytes().to_vec(), all);
            }
        }
    }
}
