//! The names that serde's `rename_all` makes of a field's.

/// A field's name in another case; `None` if there is no such case.
pub(crate) fn rename(field: &str, case: &str) -> Option<String> {
    Some(match case {
        "lowercase" | "snake_case" => field.to_owned(),
        "UPPERCASE" | "SCREAMING_SNAKE_CASE" => field.to_ascii_uppercase(),
        "PascalCase" => pascal(field),
        "camelCase" => {
            let pascal = pascal(field);
            let mut letters = pascal.chars();
            let first = letters.next().map(|c| c.to_ascii_lowercase());
            first.into_iter().chain(letters).collect()
        }
        "kebab-case" => field.replace('_', "-"),
        "SCREAMING-KEBAB-CASE" => field.to_ascii_uppercase().replace('_', "-"),
        _ => return None,
    })
}

fn pascal(field: &str) -> String {
    let mut start = true;
    let mut name = String::new();
    for letter in field.chars() {
        if letter == '_' {
            start = true;
        } else if start {
            name.push(letter.to_ascii_uppercase());
            start = false;
        } else {
            name.push(letter);
        }
    }
    name
}
