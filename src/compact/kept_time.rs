//! [`KeptTime`]: the time of a checkpoint as it is kept in memory.

use std::borrow::Cow;

use super::Time;
use crate::time::parse_micros;

/// The time of a checkpoint, which is mostly of a known form. Two are equal if and only if their texts are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct KeptTime(Kept);

#[derive(Clone, Debug, PartialEq)]
enum Kept {
    Known(Time),
    /// Of no known form.
    Text(Box<str>),
}

impl KeptTime {
    pub(crate) fn of(text: &str) -> Self {
        Self(Time::of(text).map_or_else(|| Kept::Text(text.into()), Kept::Known))
    }

    /// A time of a known form; `None` if there is no such time.
    pub(crate) fn known(time: Time) -> Option<Self> {
        time.is_one().then_some(Self(Kept::Known(time)))
    }

    /// The time, if it is of a known form.
    pub(crate) fn time(&self) -> Option<Time> {
        match self.0 {
            Kept::Known(time) => Some(time),
            Kept::Text(_) => None,
        }
    }

    pub(crate) fn text(&self) -> Cow<'_, str> {
        match &self.0 {
            Kept::Known(time) => time.text().unwrap_or_default().into(),
            Kept::Text(text) => Cow::Borrowed(text),
        }
    }

    /// The microseconds since the Unix epoch; `None` if it is no time, or one before the epoch.
    pub(crate) fn micros(&self) -> Option<u64> {
        match &self.0 {
            Kept::Known(Time::Micros(micros)) => Some(*micros),
            Kept::Known(Time::Nanos(nanos)) => Some(nanos / 1_000),
            Kept::Text(text) => parse_micros(text),
        }
    }

    /// How many bytes it takes behind itself.
    pub(crate) fn heap_len(&self) -> usize {
        match &self.0 {
            Kept::Known(_) => 0,
            Kept::Text(text) => text.len(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_has_the_text_and_the_micros_of_its_text(
            text in "[0-9TZ:+-]{0,4}|(20|19|99)[0-9]{2}-0[1-9]-[01][1-9]T[01][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,9})?(Z|\\+00:00|-01:00)",
            other in "20[0-9]{2}-01-01T00:00:00.[0-9]{1,9}Z",
        ) {
            let time = KeptTime::of(&text);
            prop_assert_eq!(time.text(), text.as_str());
            prop_assert_eq!(time.micros(), parse_micros(&text));
            prop_assert_eq!(time == KeptTime::of(&other), text == other);
        }

        #[test]
        fn a_time_is_known_if_it_has_a_text(number in any::<u64>(), micros: bool) {
            let time = if micros { Time::Micros(number) } else { Time::Nanos(number) };
            let known = KeptTime::known(time);
            prop_assert_eq!(known.map(|known| known.text().into_owned()), time.text());
        }
    }
}
