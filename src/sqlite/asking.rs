//! [`Query`]: what is wanted of the items as SQL. Values never become a part of its text.

use rusqlite::types::Value as Sql;

use crate::sqlite::item_history::signed;
use crate::sqlite::items::micros;
use crate::store::Order;
use crate::store::table::{Bound, Place, Sieve, Wanted};

/// Labels as they are put in order: what stands between them comes before anything that a label can have.
pub(super) const LABELS: &str = "replace(s.prefix, '.', char(0))";

/// A query that is being written.
#[derive(Default)]
pub(super) struct Query {
    pub(super) conditions: Vec<String>,
    /// What stands for `?1` and so on.
    pub(super) values: Vec<Sql>,
}

impl Query {
    /// Where a value goes. It is never a part of the text.
    pub(super) fn value(&mut self, value: impl Into<Sql>) -> String {
        self.values.push(value.into());
        format!("?{}", self.values.len())
    }

    pub(super) fn below(&mut self, prefix: &[String]) {
        if !prefix.is_empty() {
            let first = self.value(prefix.join("\0"));
            let behind = self.value(prefix.join("\0") + "\u{1}");
            self.conditions
                .push(format!("{LABELS} >= {first} AND {LABELS} < {behind}"));
        }
    }

    fn behind(&mut self, order: Order, time: &str, (at, namespace, key): &Place) {
        let namespace = self.value(namespace.join("\0"));
        let key = self.value(key.clone());
        let name = format!("({LABELS}, s.key) > ({namespace}, {key})");
        let at = self.value(signed(*at));
        self.conditions.push(match order {
            Order::Updated => format!("{time} <= {at} AND ({time} < {at} OR {name})"),
            Order::Created => format!("{time} >= {at} AND ({time} > {at} OR {name})"),
            Order::Key => name,
        });
    }

    /// `None`: SQLite is not asked about it.
    fn sieve(&mut self, sieve: &Sieve) -> Option<String> {
        Some(match sieve {
            Sieve::All(all) => {
                let all: Vec<_> = all.iter().filter_map(|one| self.sieve(one)).collect();
                format!(
                    "({})",
                    Some(all).filter(|all| !all.is_empty())?.join(" AND ")
                )
            }
            Sieve::Any(any) if any.is_empty() => "0".to_owned(),
            Sieve::Any(any) => {
                let any: Option<Vec<_>> = any.iter().map(|one| self.sieve(one)).collect();
                format!("({})", any?.join(" OR "))
            }
            Sieve::Field(names, bound) => {
                let path = path_of(names)?;
                let has_nul =
                    |text: &Option<String>| text.as_ref().is_some_and(|t| t.contains('\0'));
                if let Bound::Text(from, to) = bound
                    && (has_nul(from) || has_nul(to))
                {
                    return None;
                }
                let path = self.value(path);
                let field = format!("json_extract(CAST(s.value AS TEXT), {path})");
                match bound {
                    Bound::Null => format!("{field} IS NULL"),
                    Bound::Present => {
                        format!("json_type(CAST(s.value AS TEXT), {path}) IS NOT NULL")
                    }
                    Bound::Is(wanted) => format!("{field} = {}", u8::from(*wanted)),
                    Bound::Number(from, to) => self.between(&field, *from, *to),
                    Bound::Text(from, to) => self.between(&field, from.clone(), to.clone()),
                }
            }
        })
    }

    fn between<V: Into<Sql>>(&mut self, field: &str, from: Option<V>, to: Option<V>) -> String {
        match (
            from.map(|from| self.value(from)),
            to.map(|to| self.value(to)),
        ) {
            (Some(from), Some(to)) => format!("{field} BETWEEN {from} AND {to}"),
            (Some(from), None) => format!("{field} >= {from}"),
            (None, Some(to)) => format!("{field} <= {to}"),
            (None, None) => "1".to_owned(),
        }
    }
}

/// Where SQLite looks for a field. `None` if it has no way to say so.
fn path_of(names: &[String]) -> Option<String> {
    let is_plain = |name: &String| !name.contains(['"', '\\']) && !name.contains(char::is_control);
    let mut path = "$".to_owned();
    for name in names {
        path.push_str(&format!(
            ".\"{}\"",
            Some(name).filter(|name| is_plain(name))?
        ));
    }
    Some(path)
}

/// What there is at one moment, times in microseconds.
fn source(is_past: bool, at: &str) -> String {
    let (created, updated, expires) = times(false);
    if !is_past {
        return "store s".to_owned();
    }
    format!(
        "(SELECT s.prefix, s.key, s.value, {created} AS created_at, {updated} AS updated_at, {expires} AS expires_at,
                s.ttl_minutes FROM store s WHERE {updated} <= {at}
          UNION ALL SELECT prefix, key, value, created_at, updated_at, expires_at, NULL
            FROM stepwell_item_history WHERE updated_at <= {at} AND ended_at > {at}) s"
    )
}

/// When an item of that source was created and updated, and when it expires.
pub(super) fn times(is_past: bool) -> (String, String, String) {
    let column = |name: &str| match is_past {
        true => format!("s.{name}"),
        false => micros(&format!("s.{name}")),
    };
    let updated = column("updated_at");
    let created = format!(
        "MIN(COALESCE({}, {updated}), {updated})",
        column("created_at")
    );
    (created, updated, column("expires_at"))
}

/// The text of a query, and what goes into it.
pub(super) fn select(wanted: &Wanted<'_>) -> (String, Vec<Sql>) {
    let mut query = Query::default();
    let at = query.value(signed(wanted.alive_at));
    let source = source(wanted.is_past, &at);
    let (created, updated, expires) = times(wanted.is_past);
    query
        .conditions
        .push(format!("(s.expires_at IS NULL OR {expires} > {at})"));
    query.below(wanted.prefix);
    let time = match wanted.order {
        Some(Order::Created) => &created,
        _ => &updated,
    };
    if let (Some(order), Some(after)) = (wanted.order, wanted.after) {
        query.behind(order, time, after);
    }
    if let Some(sieve) = wanted.sieve.and_then(|sieve| query.sieve(sieve)) {
        query.conditions.push(sieve);
    }
    let (ranked, join) = match wanted.is_ranked {
        true => (
            "i.texts, i.vectors",
            "LEFT JOIN stepwell_items i ON i.prefix = s.prefix AND i.key = s.key AND i.updated_at = s.updated_at",
        ),
        false => ("NULL, NULL", ""),
    };
    // Below a prefix the index by name finds the items: a sign has it that no other one is taken for the order.
    let plus = if wanted.prefix.is_empty() { "" } else { "+" };
    let order = match wanted.order {
        Some(Order::Updated) => format!("ORDER BY {plus}{time} DESC, {LABELS}, s.key"),
        Some(Order::Created) => format!("ORDER BY {time}, {LABELS}, s.key"),
        Some(Order::Key) => format!("ORDER BY {LABELS}, s.key"),
        // As they were put, where they are ranked.
        None if wanted.is_ranked => format!("ORDER BY {time}, s.rowid"),
        None => String::new(),
    };
    let limit = wanted
        .limit
        .map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let limit = query.value(limit.unwrap_or(-1));
    let conditions = query.conditions.join(" AND ");
    let text = format!(
        "SELECT s.prefix, s.key, s.value, {created}, {updated}, {expires}, s.ttl_minutes, {ranked}
         FROM {source} {join} WHERE {conditions} {order} LIMIT {limit}"
    );
    (text, query.values)
}
