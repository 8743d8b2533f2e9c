//! [`seem_related()`]: whether it is worth looking for what two byte strings have in common.

/// Bytes by which a common part is found.
const KEY: usize = 16;
/// One key is noted for so many bytes of the old string, so each stretch of the new one is as long.
const SPACING: usize = 8;
/// So many slots need no memory of their own.
const FEW_SLOTS: usize = 256;

/// Whether any part of `new` is found in `old`, as far as a sample tells: one in which a place of `new` lies that is a multiple
/// of `apart`, with [`KEY`] + [`SPACING`] bytes behind it, is met but by bad luck with the hashes. So unrelated values are given up for a
/// quarter of a look-up for each byte, or less.
pub(super) fn seem_related(old: &[u8], new: &[u8], apart: usize) -> bool {
    let bits = (old.len() / SPACING * 4)
        .clamp(2, 1 << 31)
        .next_power_of_two()
        .ilog2();
    let (mut few, mut many) = ([0; FEW_SLOTS], Vec::new());
    let slots: &mut [u32] = if let Some(few) = few.get_mut(..1 << bits) {
        few
    } else {
        many.resize(1 << bits, 0);
        &mut many
    };
    let shift = u64::BITS - bits;
    let keys = old.array_windows::<KEY>().step_by(SPACING);
    for (number, key) in (1_u32..).zip(keys) {
        if let Some(slot) = slots.get_mut(slot(key, shift)) {
            *slot = number;
        }
    }
    let is_known = |key: &[u8; KEY]| {
        let number = slots.get(slot(key, shift)).copied().unwrap_or_default();
        number > 0 && {
            let at = usize::try_from(number - 1).map_or(usize::MAX, |n| n.saturating_mul(SPACING));
            old.get(at..).and_then(<[u8]>::first_chunk) == Some(key)
        }
    };
    let stretches = new
        .array_windows::<{ KEY + SPACING - 1 }>()
        .step_by(apart.max(1));
    let mut keys = stretches.flat_map(|stretch| stretch.array_windows::<KEY>());
    keys.any(is_known)
}

fn slot(key: &[u8; KEY], shift: u32) -> usize {
    let ([front, back], _) = key.as_chunks() else {
        return 0;
    };
    let mixed = u64::from_le_bytes(*front) ^ u64::from_le_bytes(*back).rotate_left(29);
    // That of a usual multiplicative hash; nothing depends on which it is.
    let hash = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> shift;
    usize::try_from(hash).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_common_part_is_met_if_it_is_long_enough(
            before in vec(any::<u8>(), 0..300), common in vec(any::<u8>(), 88..300), other in vec(any::<u8>(), 0..300),
        ) {
            let old = [before.as_slice(), &common].concat();
            let new = [other.as_slice(), &common].concat();
            // Few hashes collide with so few keys, and there are several for each part.
            prop_assume!(common.len() > 200 || old.len() < 300);
            prop_assert!(seem_related(&old, &new, 32));
        }

        #[test]
        fn any_bytes_can_be_looked_at(old in vec(any::<u8>(), 0..60), new in vec(any::<u8>(), 0..60), apart in 0_usize..40) {
            let _ = seem_related(&old, &new, apart);
        }
    }

    #[test]
    fn what_has_nothing_in_common_is_not_related() {
        let of = |odd: u8| {
            (0..=255_u8)
                .map(move |byte| byte & !1 | odd)
                .cycle()
                .take(5_000)
        };
        let (old, new): (Vec<u8>, Vec<u8>) = (of(0).collect(), of(1).collect());
        assert!(!seem_related(&old, &new, 64));
        assert!(seem_related(&old, &old[7..], 64));
    }
}
