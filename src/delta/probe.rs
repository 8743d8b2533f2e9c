//! [`seem_related()`]: whether it is worth looking for what byte strings have in common.

/// Bytes by which a common part is found.
const KEY: usize = 16;
const HALF: usize = KEY / 2;
/// One key is noted for so many bytes of the old strings, so each stretch of the new one has as many keys.
const SPACING: usize = HALF;
const STRETCH: usize = KEY + SPACING - 1;
/// So many slots need no memory of their own.
const FEW_SLOTS: usize = 1024;

/// The shortest part that is surely met if stretches are so far apart.
pub(super) const fn met(apart: usize) -> usize {
    apart + STRETCH - 1
}

/// Whether any part of `new` is found in one of `old`, as far as a sample tells: one in which a place of `new` lies that is a multiple
/// of `apart`, with [`KEY`] + [`SPACING`] bytes behind it, is met but by bad luck with the hashes. So unrelated values are given up for a
/// quarter of a look-up for each byte, or less. Once in 65,536 look-ups it says so of bytes that have nothing in common.
pub(super) fn seem_related<'o>(
    old: impl Iterator<Item = &'o [u8]> + Clone,
    new: &[u8],
    apart: usize,
) -> bool {
    let length: usize = old.clone().map(<[u8]>::len).sum();
    let wanted = length / SPACING * 4;
    let (mut few, mut many) = ([0; FEW_SLOTS], Vec::new());
    let slots: &mut [u16] = if wanted <= FEW_SLOTS {
        &mut few
    } else {
        many.resize(wanted.next_power_of_two().min(1 << 31), 0);
        &mut many
    };
    // Their number is a power of two, and at most half of the hash is used up.
    let shift = u64::BITS - slots.len().ilog2();
    for old in old {
        let (halves, _) = old.as_chunks::<HALF>();
        for [front, back] in halves.array_windows() {
            let (slot, sign) = hashed(front, back, shift);
            if let Some(slot) = slots.get_mut(slot) {
                *slot = sign;
            }
        }
    }
    let is_known = |key: &[u8; KEY]| {
        let ([front, back], _) = key.as_chunks() else {
            return false;
        };
        let (slot, sign) = hashed(front, back, shift);
        slots.get(slot) == Some(&sign)
    };
    let stretches = new.array_windows::<STRETCH>().step_by(apart.max(1));
    let mut stretches = stretches.map(|stretch| stretch.array_windows::<KEY>());
    // Without a branch for each key, of which none is to be expected.
    stretches.any(|keys| keys.fold(false, |known, key| known | is_known(key)))
}

/// The slot of a key, and what is noted there: the bits of its hash that follow those of the slot.
fn hashed(front: &[u8; HALF], back: &[u8; HALF], shift: u32) -> (usize, u16) {
    // Those of usual multiplicative hashes. Two, as nothing is compared: keys that differ alike in both halves must differ.
    let front = u64::from_le_bytes(*front).wrapping_mul(0xD6E8_FEB8_6659_FD93);
    let mixed = front ^ u64::from_le_bytes(*back).rotate_left(29);
    let hash = mixed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let sign = hash >> (shift - u16::BITS) & u64::from(u16::MAX);
    (
        usize::try_from(hash >> shift).unwrap_or_default(),
        u16::try_from(sign).unwrap_or_default(),
    )
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
            prop_assert!(seem_related([&*old].into_iter(), &new, 32));
        }

        #[test]
        fn any_bytes_can_be_looked_at(old in vec(any::<u8>(), 0..60), new in vec(any::<u8>(), 0..60), apart in 0_usize..40) {
            let _ = seem_related([&*old].into_iter(), &new, apart);
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
        let old = || [&*old].into_iter();
        assert!(!seem_related(old(), &new, 64));
        assert!(seem_related(old(), &old().next().unwrap()[7..], 64));
    }
}
