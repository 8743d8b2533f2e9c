//! Times as texts in RFC 3339.

use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use jiff::tz::Offset;

/// A time since the Unix epoch, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Time {
    /// Microseconds, as Python writes them: six digits, and `+00:00`.
    Micros(u64),
    /// Nanoseconds, as stepwell writes them: as many digits as needed, and `Z`.
    Nanos(u64),
}

const MICROS: DateTimePrinter = DateTimePrinter::new().precision(Some(6));

impl Time {
    /// The time that `text` is, if that is one of the ways in which it is written.
    pub(crate) fn of(text: &str) -> Option<Self> {
        if text.is_empty() {
            return None;
        }
        let time: Timestamp = text.parse().ok()?;
        let found = if text.ends_with('Z') {
            Self::Nanos(u64::try_from(time.as_nanosecond()).ok()?)
        } else {
            Self::Micros(u64::try_from(time.as_microsecond()).ok()?)
        };
        (found.text().as_deref() == Some(text)).then_some(found)
    }

    /// Its text; `None` if there is no such time.
    pub(crate) fn text(self) -> Option<String> {
        let time = self.timestamp()?;
        Some(match self {
            Self::Micros(_) => MICROS.timestamp_with_offset_to_string(&time, Offset::UTC),
            Self::Nanos(_) => time.to_string(),
        })
    }

    /// Whether there is such a time.
    pub(super) fn is_one(self) -> bool {
        self.timestamp().is_some()
    }

    fn timestamp(self) -> Option<Timestamp> {
        match self {
            Self::Micros(micros) => Timestamp::from_microsecond(i64::try_from(micros).ok()?).ok(),
            Self::Nanos(nanos) => Timestamp::from_nanosecond(i128::from(nanos)).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn both_ways_of_writing_a_time_are_known() {
        let of = Time::of;
        let seconds = 1_767_225_600;
        let micros = Time::Micros(seconds * 1_000_000);
        assert_eq!(of("2026-01-01T00:00:00.000000+00:00"), Some(micros));
        let nanos = Time::Nanos(seconds * 1_000_000_000 + 120_000_000);
        assert_eq!(of("2026-01-01T00:00:00.12Z"), Some(nanos));
        let other = [
            "",
            "2026-01-01T00:00:00+00:00",
            "2026-01-01T00:00:00.120Z",
            "2026-01-01T00:00:00z",
            "2026-01-01T01:00:00.000000+01:00",
            "2026-01-01 00:00:00.000000+00:00",
            "1969-12-31T23:59:59.000000+00:00",
        ];
        assert!(other.iter().all(|text| of(text).is_none()));
        assert!(of(&crate::checkpoint::now()).is_some());
    }

    proptest! {
        #[test]
        fn a_time_comes_back_as_it_was(text in "(20|19|99)[0-9]{2}-[01][0-9]-[0-3][0-9][T ][012][0-9]:[0-5][0-9]:[0-6][0-9](\\.[0-9]{1,9})?(Z|\\+00:00|-00:00)") {
            if let Some(time) = Time::of(&text) {
                prop_assert_eq!(time.text(), Some(text));
            }
        }

        #[test]
        fn any_time_is_found_in_its_text(time in prop_oneof![
            any::<u64>().prop_map(Time::Micros), (0..u64::MAX / 40).prop_map(Time::Micros), any::<u64>().prop_map(Time::Nanos),
        ]) {
            if let Some(text) = time.text() {
                prop_assert_eq!(Time::of(&text), Some(time));
            }
        }
    }
}
