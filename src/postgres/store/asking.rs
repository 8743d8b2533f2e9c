//! [`Query`]: what is wanted of the items as SQL. Values never become a part of its text.

use tokio_postgres::types::{ToSql, Type};

use crate::postgres::store::items::{LATEST, MICROS};
use crate::postgres::text::{escape, is_escaped};
use crate::store::Order;
use crate::store::table::{Bound, Place, Sieve, Wanted};

/// Labels as they are put in order, one by one.
pub(in crate::postgres) const LABELS: &str = "(string_to_array(s.prefix, '.') COLLATE \"C\")";

/// A text in the order of what it stands for: that of a NUL comes first.
pub(in crate::postgres) fn in_order(text: &str) -> String {
    let mark = '\u{10FFFF}';
    format!(
        "(replace(replace(replace({text}, chr(1), chr(1) || chr(2)), '{mark}0', chr(1) || chr(1)), '{mark}1', '{mark}')
            COLLATE \"C\")"
    )
}

/// A query that is being written.
#[derive(Default)]
pub(super) struct Query {
    pub(super) conditions: Vec<String>,
    /// What stands for `$1` and so on.
    values: Vec<(Box<dyn ToSql + Send + Sync>, Type)>,
}

impl Query {
    /// What goes where, with its type.
    pub(super) fn parameters(&self) -> Vec<(&(dyn ToSql + Sync), Type)> {
        let values = self.values.iter();
        let each = values.map(|(value, of)| (&**value as &(dyn ToSql + Sync), of.clone()));
        each.collect()
    }

    /// Where a value goes. It is never a part of the text.
    fn value(&mut self, value: impl ToSql + Send + Sync + 'static, of: Type) -> String {
        self.values.push((Box::new(value), of));
        format!("${}", self.values.len())
    }

    pub(super) fn time(&mut self, micros: u64) -> String {
        let micros = self.value(signed(micros), Type::INT8);
        format!("('epoch'::timestamptz + ({micros} || ' microseconds')::interval)")
    }

    pub(super) fn labels(&mut self, labels: &[String]) -> String {
        let labels: Vec<_> = labels
            .iter()
            .map(|label| escape(label).into_owned())
            .collect();
        self.value(labels, Type::TEXT_ARRAY)
    }

    pub(super) fn below(&mut self, prefix: &[String]) {
        if let Some((last, rest)) = prefix.split_last() {
            let first = self.labels(prefix);
            // What comes right behind the last label.
            let behind: Vec<_> = rest
                .iter()
                .cloned()
                .chain([format!("{last}\u{1}")])
                .collect();
            let behind = self.labels(&behind);
            self.conditions
                .push(format!("{LABELS} >= {first} AND {LABELS} < {behind}"));
        }
    }

    fn behind(&mut self, order: Order, (at, namespace, key): &Place) {
        let namespace = self.labels(namespace);
        let key = self.value(escape(key).into_owned(), Type::TEXT);
        let name = format!(
            "({LABELS}, {}) > ({namespace}, {})",
            in_order("s.key"),
            in_order(&key)
        );
        if order == Order::Key {
            self.conditions.push(name);
            return;
        }
        let (time, at) = (time_of(order), self.time(*at));
        let then = if order == Order::Updated { "<" } else { ">" };
        self.conditions.push(format!(
            "{time} {then}= {at} AND ({time} {then} {at} OR {name})"
        ));
    }

    /// `None`: the server is not asked about it.
    fn sieve(&mut self, sieve: &Sieve) -> Option<String> {
        Some(match sieve {
            Sieve::All(all) => {
                let all: Vec<_> = all.iter().filter_map(|one| self.sieve(one)).collect();
                format!(
                    "({})",
                    Some(all).filter(|all| !all.is_empty())?.join(" AND ")
                )
            }
            Sieve::Any(any) if any.is_empty() => "false".to_owned(),
            Sieve::Any(any) => {
                let any: Option<Vec<_>> = any.iter().map(|one| self.sieve(one)).collect();
                format!("({})", any?.join(" OR "))
            }
            Sieve::Field(names, bound) => {
                if names.iter().any(|name| is_escaped(name) || is_place(name)) {
                    return None;
                }
                if let Bound::Text(from, to) = bound
                    && from.iter().chain(to).any(|text| is_escaped(text))
                {
                    return None;
                }
                let path = self.value(names.clone(), Type::TEXT_ARRAY);
                self.bound(&path, bound)
            }
        })
    }

    fn bound(&mut self, path: &str, bound: &Bound) -> String {
        let field = format!("(s.value #> {path})");
        let text = format!("(s.value #>> {path})");
        match bound {
            Bound::Null => format!("({text} IS NULL)"),
            Bound::Present => format!("({field} IS NOT NULL)"),
            Bound::Is(wanted) => format!("({field} = '{wanted}'::jsonb)"),
            Bound::Number(from, to) => {
                let mut number = |limit: &Option<f64>, than: &str| {
                    let limit = limit.map(|limit| self.value(limit, Type::FLOAT8));
                    limit.map(|limit| format!("{field} {than} to_jsonb({limit})"))
                };
                both(number(from, ">="), number(to, "<="))
            }
            Bound::Text(Some(from), Some(to)) if from == to => {
                let wanted = self.value(from.clone(), Type::TEXT);
                format!("({text} = {wanted})")
            }
            Bound::Text(from, to) => {
                let field = in_order(&text);
                let mut limit = |limit: &Option<String>, than: &str| {
                    let limit = limit.clone().map(|limit| self.value(limit, Type::TEXT));
                    limit.map(|limit| format!("{field} {than} {}", in_order(&limit)))
                };
                both(limit(from, ">="), limit(to, "<="))
            }
        }
    }
}

/// Whether the server would look for it in lists, too, which have no fields here.
fn is_place(name: &str) -> bool {
    let number = name.trim_start();
    let digits = number.strip_prefix(['+', '-']).unwrap_or(number);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn both(from: Option<String>, to: Option<String>) -> String {
    let all: Vec<_> = from.into_iter().chain(to).collect();
    format!(
        "({})",
        if all.is_empty() {
            "true".to_owned()
        } else {
            all.join(" AND ")
        }
    )
}

fn time_of(order: Order) -> &'static str {
    match order {
        Order::Created => "LEAST(s.created_at, s.updated_at)",
        Order::Updated | Order::Key => "s.updated_at",
    }
}

/// What there is at one moment.
pub(super) fn source(is_past: bool, at: &str) -> String {
    let columns = "prefix, key, value, created_at, updated_at, expires_at";
    match is_past {
        false => format!("SELECT {columns}, ttl_minutes, NULL::text AS exact FROM store"),
        true => format!(
            "SELECT {columns}, NULL::int AS ttl_minutes, NULL::text AS exact FROM store WHERE updated_at <= {at}
             UNION ALL SELECT {columns}, NULL, exact FROM stepwell_item_history WHERE updated_at <= {at} AND ended_at > {at}"
        ),
    }
}

/// The text of a query, and what goes into it.
pub(super) fn select(wanted: &Wanted<'_>) -> (String, Query) {
    let mut query = Query::default();
    let at = query.time(wanted.alive_at);
    let source = source(wanted.is_past, &at);
    query
        .conditions
        .push(format!("(s.expires_at IS NULL OR s.expires_at > {at})"));
    query.below(wanted.prefix);
    if let (Some(order), Some(after)) = (wanted.order, wanted.after) {
        query.behind(order, after);
    }
    if let Some(sieve) = wanted.sieve.and_then(|sieve| query.sieve(sieve)) {
        query.conditions.push(sieve);
    }
    let key = in_order("s.key");
    let order = match wanted.order {
        Some(Order::Updated) => format!("ORDER BY s.updated_at DESC, {LABELS}, {key}"),
        Some(Order::Created) => format!("ORDER BY {}, {LABELS}, {key}", time_of(Order::Created)),
        Some(Order::Key) => format!("ORDER BY {LABELS}, {key}"),
        // As they were put, where they are ranked.
        None if wanted.is_ranked => "ORDER BY s.updated_at, s.prefix, s.key".to_owned(),
        None => String::new(),
    };
    let limit = wanted
        .limit
        .map(|limit| i64::try_from(limit).unwrap_or(i64::MAX));
    let limit = query.value(limit, Type::INT8);
    let conditions = query.conditions.join(" AND ");
    let ranked = if wanted.is_ranked {
        "i.texts, i.vectors"
    } else {
        "NULL::jsonb, NULL::bytea"
    };
    let columns = columns(ranked);
    let text = format!(
        "SELECT {columns} FROM (SELECT s.* FROM ({source}) s WHERE {conditions} {order} LIMIT {limit}) s
         LEFT JOIN stepwell_items i ON i.prefix = s.prefix AND i.key = s.key AND i.updated_at = s.updated_at {order}"
    );
    (text, query)
}

pub(super) fn columns(ranked: &str) -> String {
    let micros = |column: &str| MICROS.replace("{}", column);
    format!(
        "s.prefix, s.key, s.value, {}, {}, {}, s.ttl_minutes, i.lifetime_us, COALESCE(s.exact, i.exact), {ranked}",
        micros("s.created_at"),
        micros("s.updated_at"),
        micros("s.expires_at"),
    )
}

/// Times that PostgreSQL has.
pub(super) fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX).min(LATEST)
}
