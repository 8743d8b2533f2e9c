//! Versions of channels as the tables have them.
//!
//! LangGraph finds a value by thread, namespace, channel and version, so a version must never name two values. Its own ones
//! end in a random part; ours are counted, and repeat from one branch to the next. So what is put gets a *label* behind its version,
//! `~` and hexadecimal digits, that no other value of the thread has. LangGraph reads the digits in front of the
//! first `.` and compares the rest as text, so a thread can go on there.

use crate::postgres::text::{escape, owned};
use crate::version::ChannelVersion;

/// How long a label is without its `~`.
const DIGITS: usize = 20;

/// The label of the `place`th put of what was written in the thread's `turn`.
pub(super) fn label(turn: i64, place: usize) -> String {
    format!("{turn:014x}{:06x}", place & 0xff_ffff)
}

/// The text of a version without a label.
pub(super) fn plain(version: &ChannelVersion) -> String {
    match version {
        ChannelVersion::Int(n) => format!("{n:032}."),
        ChannelVersion::Text(text) => {
            let escaped = escape(text).into_owned();
            // What looks like one of ours is marked, so that it comes back as it is.
            if read(&escaped) == *version {
                escaped
            } else {
                format!("{escaped}~=")
            }
        }
    }
}

/// The text of a version with a label.
pub(super) fn labelled(version: &ChannelVersion, label: &str) -> String {
    format!("{}~{label}", plain(version))
}

/// The version that a text stands for.
pub(super) fn read(text: &str) -> ChannelVersion {
    let plain = without_label(text);
    if let Some(marked) = plain.strip_suffix("~=") {
        return ChannelVersion::Text(owned(marked));
    }
    let counted = plain
        .strip_suffix('.')
        .filter(|digits| digits.len() == 32 && digits.bytes().all(|digit| digit.is_ascii_digit()));
    match counted.and_then(|digits| digits.parse().ok()) {
        Some(n) => ChannelVersion::Int(n),
        None => ChannelVersion::Text(owned(plain)),
    }
}

fn without_label(text: &str) -> &str {
    let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match text.rsplit_once('~') {
        Some((plain, label)) if label.len() == DIGITS && label.bytes().all(is_digit) => plain,
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_version() -> impl Strategy<Value = ChannelVersion> {
        let counted = plain(&ChannelVersion::Int(7));
        let texts = prop_oneof![
            "[\0-~]{0,8}",
            Just(format!("{counted}~{}", label(3, 4))),
            Just(format!("{counted}~=")),
            Just(counted),
            Just(format!("{:032}.0.123", 5)),
        ];
        prop_oneof![
            any::<u64>().prop_map(ChannelVersion::Int),
            texts.prop_map(ChannelVersion::Text),
        ]
    }

    proptest! {
        #[test]
        fn every_version_comes_back(version in any_version(), turn in 0..i64::from(u32::MAX), place in 0..9_usize) {
            prop_assert_eq!(&read(&labelled(&version, &label(turn, place))), &version);
            prop_assert_eq!(&read(&plain(&version)), &version);
        }
    }

    #[test]
    fn greater_counts_are_greater_texts_whatever_their_labels() {
        let old = labelled(&ChannelVersion::Int(9), &label(i64::MAX, 9));
        assert!(old < labelled(&ChannelVersion::Int(10), &label(0, 0)));
        assert!(old < format!("{:032}.0.5", 10));
    }
}
