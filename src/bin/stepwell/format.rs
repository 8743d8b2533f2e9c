//! How ids, sizes and lists are written within 80 columns.

/// How much of a checkpoint's id is printed. It is the time of a version 6 UUID, and so unlike that of any
/// other checkpoint of the thread.
const SHORT: usize = 18;

/// The beginning of a checkpoint's id.
pub(crate) fn short(id: &str) -> &str {
    id.get(..SHORT).unwrap_or(id)
}

/// A number of bytes.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    // Exact enough for a figure with one decimal.
    let mut tenths = bytes.saturating_mul(10) / 1024;
    let mut unit = UNITS[0];
    for larger in UNITS.iter().skip(1) {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = larger;
    }
    format!("{}.{} {unit}", tenths / 10, tenths % 10)
}

/// A name from a database, which must not steer the terminal.
pub(crate) fn plain(name: &str) -> String {
    let escaped = name.chars().map(|c| match c.is_control() {
        true => c.escape_default().to_string(),
        false => c.to_string(),
    });
    escaped.collect()
}

/// `1 file`, `2 files`.
pub(crate) fn count(n: usize, what: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {what}{s}")
}

/// The items with commas, as many as fit into `width` columns, and how many are left out.
pub(crate) fn fitting(items: &[String], width: usize) -> String {
    let mut text = String::new();
    for (n, item) in items.iter().enumerate() {
        let left = items.len() - n;
        let comma = if n == 0 { "" } else { ", " };
        let more = if left > 1 { ", +99".len() } else { 0 };
        let needed = text.chars().count() + comma.len() + item.chars().count() + more;
        if n > 0 && needed > width {
            return format!("{text}, +{left}");
        }
        text = format!("{text}{comma}{item}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_one_decimal() {
        assert_eq!(bytes(1023), "1023 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(bytes(64 * 1024 * 1024), "64.0 MiB");
    }

    #[test]
    fn names_are_printed_without_control_characters() {
        assert_eq!(plain("é\u{1b}[2J\n"), "é\\u{1b}[2J\\n");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let items: Vec<String> = ["alpha", "beta", "gamma"].map(String::from).into();
        assert_eq!(fitting(&items, 40), "alpha, beta, gamma");
        assert_eq!(fitting(&items, 17), "alpha, beta, +1");
        assert_eq!(fitting(&items, 1), "alpha, +2");
    }
}
