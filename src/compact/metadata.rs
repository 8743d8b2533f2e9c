//! Metadata of checkpoints: JSON with a source and a step in it, one behind the other.

/// The source and the step, and the bytes around them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Step<'m> {
    pub(crate) before: &'m [u8],
    /// Its place in [`SOURCES`].
    pub(crate) source: u8,
    pub(crate) step: i64,
    pub(crate) after: &'m [u8],
}

/// What a checkpoint is made by, as its metadata have it.
const SOURCES: [&str; 4] = ["input", "loop", "update", "fork"];

const SOURCE: &[u8] = b"\"source\":\"";
const STEP: &[u8] = b"\",\"step\":";
/// Source and step alone take no more: the longest source, and the least number.
const ALONE_MAX: usize = 1 + SOURCE.len() + 6 + STEP.len() + 20 + 1;

impl<'m> Step<'m> {
    /// Metadata with nothing but source and step.
    pub(crate) const fn alone(source: u8, step: i64) -> Self {
        Self {
            before: b"{",
            source,
            step,
            after: b"}",
        }
    }

    /// What `metadata` say if that is source and step, and nothing else.
    pub(crate) fn alone_in(metadata: &'m [u8]) -> Option<Self> {
        // Others may be long.
        let rest = metadata
            .strip_prefix(b"{")
            .filter(|_| metadata.len() <= ALONE_MAX)?;
        let step = Self::of(metadata).filter(|_| rest.starts_with(SOURCE))?;
        (step == Self::alone(step.source, step.step)).then_some(step)
    }

    /// The first source of `metadata`, if a step follows.
    pub(crate) fn of(metadata: &'m [u8]) -> Option<Self> {
        let at = metadata
            .windows(SOURCE.len())
            .position(|bytes| bytes == SOURCE)?;
        let (before, rest) = metadata.split_at_checked(at)?;
        let rest = rest.strip_prefix(SOURCE)?;
        let known = (0..).zip(SOURCES);
        let mut known =
            known.filter_map(|(number, name)| Some((number, rest.strip_prefix(name.as_bytes())?)));
        let (source, rest) = known.next()?;
        let rest = rest.strip_prefix(STEP)?;
        let is_digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'-';
        let (step, after) =
            rest.split_at_checked(rest.iter().take_while(|byte| is_digit(byte)).count())?;
        let text = str::from_utf8(step).ok()?;
        let step: i64 = text.parse().ok()?;
        let digits = text.strip_prefix('-').unwrap_or(text);
        // Not for `007` and `-0`.
        (text == "0" || !digits.starts_with('0')).then_some(Self {
            before,
            source,
            step,
            after,
        })
    }

    /// The place of a source in [`SOURCES`].
    pub(crate) fn source_of(name: &str) -> Option<u8> {
        let mut known = (0..).zip(SOURCES);
        known.find_map(|(number, source)| (source == name).then_some(number))
    }

    /// What the checkpoint was made by; `None` if there is no such source.
    pub(crate) fn source_name(&self) -> Option<&'static str> {
        SOURCES.get(usize::from(self.source)).copied()
    }

    /// The metadata; `None` if there is no such source.
    pub(crate) fn bytes(&self) -> Option<Box<[u8]>> {
        let source = self.source_name()?.as_bytes();
        let step = self.step.to_string();
        let parts = [
            self.before,
            SOURCE,
            source,
            STEP,
            step.as_bytes(),
            self.after,
        ];
        Some(parts.concat().into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn source_and_step_are_found_between_other_fields() {
        let alone = br#"{"source":"loop","step":-1}"#;
        assert_eq!(Step::of(alone), Some(Step::alone(1, -1)));
        let among = br#"{"run_id":"r","source":"fork","step":12,"user":1}"#;
        let found = Step::of(among).unwrap();
        assert_eq!(
            (found.source, found.step, found.after),
            (3, 12, &br#","user":1}"#[..])
        );
        assert!(Step::of(br#"{"step":1}"#).is_none());
        assert!(Step::of(br#"{"source":"else","step":1}"#).is_none());
    }

    proptest! {
        #[test]
        fn metadata_come_back_as_they_were(
            before in "(\"source\":\"|[\0-\x7f]{0,3})", source in "(input|loop|fork|update|forks)",
            step in "-?[0-9]{0,20}", after in "(\\.5|,\"source\":\"loop\",\"step\":1|[\0-\x7f]{0,3})",
        ) {
            let text = format!("{before}\"source\":\"{source}\",\"step\":{step}{after}");
            if let Some(step) = Step::of(text.as_bytes()) {
                let bytes = step.bytes().unwrap();
                prop_assert_eq!(&*bytes, text.as_bytes());
            }
        }
    }
}
