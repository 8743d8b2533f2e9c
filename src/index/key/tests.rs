//! Keys, their bytes and their ranks.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn text() -> impl Strategy<Value = Arc<str>> {
    "[\0\x01a\u{ff}\u{10ffff}]{0,4}".prop_map(Arc::from)
}

fn key() -> impl Strategy<Value = Key> {
    let number = || prop_oneof![0_u64..3, any::<u64>()];
    let label = "[\0a]{0,2}";
    let scalar = || prop_oneof![Just(0), Just(1), Just(255), any::<u8>()];
    prop_oneof![
        text().prop_map(Key::Thread),
        number().prop_map(Key::Frozen),
        number().prop_map(Key::Dropped),
        number().prop_map(Key::Folding),
        (number(), number()).prop_map(|(b, h)| Key::Heir(b, h)),
        (number(), text(), text()).prop_map(|(b, n, i)| Key::Checkpoint(b, n, i)),
        (number(), text(), text(), text()).prop_map(|(b, n, c, t)| Key::Writes(b, n, c, t)),
        (number(), text(), text()).prop_map(|(b, n, t)| Key::Tag(b, n, t)),
        (vec(label, 0..4), text()).prop_map(|(n, k)| Key::Item(n.into(), k)),
        (vec(label, 0..4), text(), vec(scalar(), 0..3), text())
            .prop_map(|(n, p, s, k)| Key::Field(n.into(), p, ScalarKey(s.into()), k)),
        (vec(label, 0..4), vec(scalar(), 0..3), text()).prop_map(|(n, c, k)| Key::Partial(
            n.into(),
            c.into(),
            k
        )),
        (number(), vec(label, 0..4), text()).prop_map(|(at, n, k)| Key::Expiry(at, n.into(), k)),
        number().prop_map(Key::Segment),
        number().prop_map(Key::Refused),
        any::<ContentHash>().prop_map(Key::Content),
        (vec(label, 0..4), text(), number()).prop_map(|(n, k, l)| Key::Past(n.into(), k, l)),
        vec(label, 0..4).prop_map(|n| Key::History(n.into())),
        (vec(label, 0..4), number(), text()).prop_map(|(n, before, k)| Key::Recent(
            n.into(),
            before,
            k
        )),
        (text(), vec(label, 0..4), number()).prop_map(|(w, n, f)| Key::Posting(w, n.into(), f)),
        number().prop_map(Key::ItemWords),
        vec(label, 0..4).prop_map(|n| Key::WordCount(n.into())),
        vec(label, 0..4).prop_map(|n| Key::ItemsHere(n.into())),
    ]
}

proptest! {
    #[test]
    fn bytes_have_the_order_of_their_keys(a in key(), b in key()) {
        prop_assert_eq!(a.encode().cmp(&b.encode()), a.cmp(&b));
    }

    #[test]
    fn ranks_are_in_the_order_of_their_keys(a in key(), b in key()) {
        let (rank, of_b) = (a.rank(), b.rank());
        prop_assert!(rank == of_b || rank.cmp(&of_b) == a.cmp(&b));
    }

    #[test]
    fn what_is_encoded_is_decoded(key in key()) {
        let bytes = key.encode();
        prop_assert_eq!(Key::decode(&bytes), Some(key));
        for length in 0..bytes.len() {
            prop_assert_eq!(Key::decode(&bytes[..length]), None);
        }
    }

    #[test]
    fn any_bytes_are_a_key_or_none(kind in 0_u8..23, bytes in vec(prop_oneof![Just(0), Just(255), any::<u8>()], 0..40)) {
        let mut all = vec![kind];
        all.extend(bytes);
        if let Some(key) = Key::decode(&all) {
            prop_assert_eq!(key.encode(), all);
        }
    }
}
