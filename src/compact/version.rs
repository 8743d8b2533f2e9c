//! Versions of channels as LangGraph and stepwell count them: a counter of 32 digits, a point, and random digits.

/// The counter and the digits behind it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Counted {
    pub(crate) counter: u64,
    /// Whether the digits are those of a fraction, with `0.` in front of them.
    pub(crate) is_fraction: bool,
    /// How many digits there are.
    pub(crate) digits: u8,
    /// Their number.
    pub(crate) number: u64,
}

/// So many digits are always a `u64`.
const MOST_DIGITS: u8 = 19;

impl Counted {
    /// What `text` counts, if it is written like this.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let (counter, rest) = text.split_at_checked(32)?;
        let rest = rest.strip_prefix('.')?;
        let fraction = rest.strip_prefix("0.");
        let digits = fraction.unwrap_or(rest);
        let counted = Self {
            counter: number(counter)?,
            is_fraction: fraction.is_some(),
            digits: u8::try_from(digits.len()).ok()?,
            number: number(digits)?,
        };
        (1..=MOST_DIGITS)
            .contains(&counted.digits)
            .then_some(counted)
    }

    /// Its text; `None` if the number has more digits than it may have.
    pub(crate) fn text(self) -> Option<String> {
        let most = 10_u64.checked_pow(self.digits.into())?;
        if self.digits == 0 || self.number >= most {
            return None;
        }
        let fraction = if self.is_fraction { "0." } else { "" };
        let digits = usize::from(self.digits);
        Some(format!(
            "{:032}.{fraction}{:0digits$}",
            self.counter, self.number
        ))
    }
}

fn number(digits: &str) -> Option<u64> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::version::ChannelVersion;

    #[test]
    fn the_versions_of_both_are_known() {
        let text = "00000000000000000000000000000123.0.7224527264021087";
        let counted = Counted {
            counter: 123,
            is_fraction: true,
            digits: 16,
            number: 7_224_527_264_021_087,
        };
        assert_eq!(Counted::of(text), Some(counted));
        let ours = ChannelVersion::next(Some(&ChannelVersion::Text(text.into())));
        let ChannelVersion::Text(ours) = ours else {
            panic!("it is a text");
        };
        assert_eq!(
            Counted::of(&ours).map(|c| (c.counter, c.digits)),
            Some((124, 16))
        );
    }

    proptest! {
        #[test]
        fn a_version_comes_back_as_it_was(text in "0{11,13}[0-9]{18,21}\\.(0\\.)?[0-9+.e-]{0,20}|[0-9]{32}\\.[0-9]{1,20}") {
            if let Some(counted) = Counted::of(&text) {
                prop_assert_eq!(counted.text(), Some(text));
            }
        }

        #[test]
        fn anything_that_has_a_text_is_found_in_it(
            counter: u64, is_fraction: bool, digits: u8, number in prop_oneof![any::<u64>(), 0..u64::from(u32::MAX)],
        ) {
            let counted = Counted { counter, is_fraction, digits: digits % 24, number };
            if let Some(text) = counted.text() {
                prop_assert_eq!(Counted::of(&text), Some(counted));
            }
        }
    }
}
