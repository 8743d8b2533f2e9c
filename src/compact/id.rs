//! Ids that are UUIDs.

use uuid::Uuid;

/// The UUID that `text` is, written with hyphens and in lower case.
pub(crate) fn uuid_of(text: &str) -> Option<[u8; 16]> {
    // Parsing takes other spellings, too. All bytes are looked at, which is faster than to stop at one.
    let is_upper = |found, byte: u8| found | byte.is_ascii_uppercase();
    if text.len() != 36 || text.bytes().fold(false, is_upper) {
        return None;
    }
    Some(Uuid::try_parse(text).ok()?.into_bytes())
}

/// The text of a UUID, written with hyphens and in lower case.
pub(crate) fn uuid_text<T: for<'t> From<&'t str>>(uuid: [u8; 16]) -> T {
    let mut text = Uuid::encode_buffer();
    // Not by a formatter, which takes several times as long.
    T::from(Uuid::from_bytes(uuid).hyphenated().encode_lower(&mut text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_comes_back_as_it_was(text in "[0-9a-fA-F]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}|[0-9a-f-]{36}|\\{[0-9a-f-]{34}\\}") {
            if let Some(uuid) = uuid_of(&text) {
                prop_assert_eq!(uuid_text::<String>(uuid), text);
            }
        }

        #[test]
        fn any_uuid_is_found_in_its_text(uuid: [u8; 16]) {
            prop_assert_eq!(uuid_of(&uuid_text::<String>(uuid)), Some(uuid));
        }
    }
}
