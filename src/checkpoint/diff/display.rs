//! How a [`CheckpointDiff`] reads.

use std::fmt::{self, Display, Formatter, Write};

use super::{
    ChannelDiff, CheckpointDiff, JsonChange, JsonChangeKind, JsonDiff, Sample, Stored, ValueDiff,
    WriteDiff,
};
use crate::checkpoint::ChannelVersion;

impl Display for CheckpointDiff {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} -> {}", Plain(&self.from.id), Plain(&self.to.id))?;
        if self.is_empty() {
            return f.write_str("no difference");
        }
        let mut lines = Vec::new();
        for (name, channel) in &self.channels {
            channel_lines(name, channel, &mut lines);
        }
        if !self.ran.is_empty() {
            let nodes: Vec<&str> = self.ran.iter().map(String::as_str).collect();
            lines.push(format!("ran: {}", Plain(&nodes.join(", "))));
        }
        if !self.metadata.changes.is_empty() {
            lines.push("metadata".to_owned());
            json_lines(&self.metadata, &mut lines);
        }
        if !self.writes.changes.is_empty() {
            lines.push("pending writes".to_owned());
            lines.extend(self.writes.changes.iter().map(write_line));
            more(self.writes.more, &mut lines);
        }
        f.write_str(&lines.join("\n"))
    }
}

fn channel_lines(name: &str, channel: &ChannelDiff, lines: &mut Vec<String>) {
    let name = Plain(name);
    match channel {
        ChannelDiff::Added { version, value } => {
            lines.push(format!("+ {name} ({}): {value}", Version(version)));
        }
        ChannelDiff::Removed { version, value } => {
            lines.push(format!("- {name} ({}): {value}", Version(version)));
        }
        ChannelDiff::Version { from, to } => {
            let (from, to) = (Version(from), Version(to));
            lines.push(format!("= {name} ({from} -> {to}): the same value"));
        }
        ChannelDiff::Changed { from, to, how } => {
            lines.push(format!("~ {name} ({} -> {})", Version(from), Version(to)));
            match how {
                ValueDiff::Json(diff) if diff.changes.is_empty() => {
                    lines.push("    the same value, spelled otherwise".to_owned());
                }
                ValueDiff::Json(diff) => json_lines(diff, lines),
                ValueDiff::Bytes {
                    from,
                    to,
                    first_difference,
                } => lines.push(format!(
                    "    {} -> {}, which differ from byte {first_difference} on",
                    Size(from),
                    Size(to)
                )),
            }
        }
    }
}

fn json_lines(diff: &JsonDiff, lines: &mut Vec<String>) {
    for JsonChange { path, kind } in &diff.changes {
        let place = match path.as_str() {
            "" => String::new(),
            path => format!("{}: ", Plain(path)),
        };
        lines.push(format!("    {place}{kind}"));
    }
    more(diff.more, lines);
}

fn write_line(write: &WriteDiff) -> String {
    let of = match (write.task_path.rsplit_once(", "), &*write.task_path) {
        (_, "") => &write.task_id,
        (Some((_, node)), path) if path.starts_with("~__pregel_pull") => node,
        (_, path) => path,
    };
    let (of, channel) = (Plain(of), Plain(&write.channel));
    match (&write.from, &write.to) {
        (None, Some(value)) => format!("  + {channel} of {of}: {value}"),
        (Some(value), None) => format!("  - {channel} of {of}: {value}"),
        (Some(from), Some(to)) => format!("  ~ {channel} of {of}: {from} -> {to}"),
        (None, None) => String::new(),
    }
}

fn more(more: usize, lines: &mut Vec<String>) {
    if more > 0 {
        lines.push(format!("    and {more} more"));
    }
}

impl Display for JsonChangeKind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Added { value } => write!(f, "added {}", Text(value)),
            Self::Removed { value } => write!(f, "removed {}", Text(value)),
            Self::Replaced { from, to } => write!(f, "{} -> {}", Text(from), Text(to)),
            Self::Grew {
                at,
                by,
                length,
                elements,
            } => {
                write!(f, "grew by {by} to {length}")?;
                if at + by < *length {
                    write!(f, ", at {at}")?;
                }
                list(f, elements, *by)
            }
            Self::Shrank {
                at,
                by,
                length,
                elements,
            } => {
                write!(f, "shrank by {by} to {length}")?;
                if at < length {
                    write!(f, ", at {at}")?;
                }
                list(f, elements, *by)
            }
            Self::Text {
                at,
                from,
                to,
                length,
            } => {
                let (from, to) = (Text(from), Text(to));
                write!(f, "at character {at} of {length}: {from} -> {to}")
            }
        }
    }
}

fn list(f: &mut Formatter<'_>, elements: &[Sample], of: usize) -> fmt::Result {
    for (n, element) in elements.iter().enumerate() {
        let before = if n == 0 { ":" } else { "," };
        write!(f, "{before} {}", Text(element))?;
    }
    match of.saturating_sub(elements.len()) {
        0 => Ok(()),
        more => write!(f, ", and {more} more"),
    }
}

impl Display for Stored {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.sample {
            Some(sample) => Text(sample).fmt(f),
            None => Size(self).fmt(f),
        }
    }
}

/// Encoding and length.
struct Size<'a>(&'a Stored);

impl Display for Size<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Stored { tag, bytes, .. } = self.0;
        write!(f, "{} of {bytes} bytes", Plain(tag))
    }
}

struct Text<'a>(&'a Sample);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        Plain(&self.0.to_string()).fmt(f)
    }
}

struct Version<'a>(&'a Option<ChannelVersion>);

impl Display for Version<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => f.write_str("no version"),
            Some(ChannelVersion::Int(n)) => write!(f, "version {n}"),
            Some(ChannelVersion::Text(text)) => {
                // What follows the counter is random.
                let counter = text.split('.').next().unwrap_or(text);
                let counter = counter.trim_start_matches('0');
                write!(f, "version {}", Plain(counter))
            }
        }
    }
}

/// Text from a database, which must not steer a terminal.
struct Plain<'a>(&'a str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c.is_control() {
            true => write!(f, "{}", c.escape_default()),
            false => f.write_char(c),
        })
    }
}
