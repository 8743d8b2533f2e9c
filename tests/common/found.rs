//! Searches of random items by random filters: a store finds what memory finds, in its order.

use futures::executor::block_on;
use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use stepwell::store::{
    Filter, ItemHistory, ListNamespaces, MemoryStore, Op, Order, Put, Search, Store,
};

/// What is written and asked.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    changes: Vec<(Vec<String>, String, Option<Value>)>,
    searches: Vec<Asked>,
}

#[derive(Clone, Debug)]
struct Asked {
    prefix: Vec<String>,
    filter: Filter,
    order: Order,
    limit: usize,
    offset: usize,
}

/// Labels that sort otherwise than texts with dots between them, and what would mean something in a query.
fn label() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a",
        "ab",
        "a-b",
        "a!",
        "b",
        "%",
        "_",
        "*",
        "'",
        "\u{1}",
        "é",
        "\u{10FFFF}",
    ])
    .prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    let hostile = "x'); DROP TABLE store; --";
    prop::sample::select(vec![
        "",
        "a",
        "ab",
        "b",
        "a\0",
        "a\0b",
        "\0",
        "\u{1}",
        "\u{10FFFF}",
        "\u{10FFFF}0",
        "é",
        "5",
        "true",
        "null",
        hostile,
        "\"",
        "\\",
    ])
    .prop_map(str::to_owned)
}

fn name() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "f",
        "g",
        "x\"y",
        "x'y",
        "$",
        "0",
        "é",
        "a b",
        "a\0",
        "\u{10FFFF}",
        "",
        "f) OR (1=1",
    ])
    .prop_map(str::to_owned)
}

fn number() -> impl Strategy<Value = Value> {
    let all = [
        "0",
        "-0.0",
        "5",
        "5.0",
        "-5",
        "0.1",
        "1e-320",
        "1e15",
        "1e23",
        "1.7e308",
        "9007199254740991",
        "9007199254740992",
        "9007199254740993",
        "9007199254740992.0",
        "9223372036854775807",
        "9223372036854775808",
        "18446744073709551615",
        "-9223372036854775808",
    ];
    prop::sample::select(all.to_vec()).prop_map(|text| serde_json::from_str(text).unwrap())
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        number(),
        text().prop_map(Value::from),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::from),
            vec((name(), inner), 0..4).prop_map(|fields| fields.into_iter().collect()),
        ]
    })
}

fn path() -> impl Strategy<Value = String> {
    let escaped = name().prop_map(|name| name.replace('\\', "\\\\").replace('.', "\\."));
    vec(escaped, 1..3).prop_map(|names| names.join("."))
}

fn filter() -> impl Strategy<Value = Filter> {
    let one =
        (0..9, path(), scalar(), vec(scalar(), 0..3)).prop_map(
            |(kind, path, with, more)| match kind {
                0 => Filter::eq(path, with),
                1 => Filter::ne(path, with),
                2 => Filter::gt(path, with),
                3 => Filter::gte(path, with),
                4 => Filter::lt(path, with),
                5 => Filter::lte(path, with),
                6 => Filter::is_in(path, more),
                7 => Filter::contains(path, with),
                _ => Filter::exists(path),
            },
        );
    one.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a.and(b)),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| a.or(b)),
            inner.prop_map(Filter::negated),
        ]
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    let order = prop::sample::select(vec![Order::Updated, Order::Created, Order::Key]);
    let filter = prop_oneof![Just(Filter::default()), filter(), filter()];
    (vec(label(), 0..3), filter, order, 1..6_usize, 0..3_usize).prop_map(
        |(prefix, filter, order, limit, offset)| Asked {
            prefix,
            filter,
            order,
            limit,
            offset,
        },
    )
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let field = prop::sample::select(vec!["f", "g", "0", "é"]);
    // Most values have a field that most filters are about.
    let value = prop_oneof![
        value(),
        (field, scalar()).prop_map(|(name, value)| json!({ name: value }))
    ];
    let change = (
        vec(label(), 1..4),
        text(),
        prop::option::weighted(0.9, value),
    );
    (vec(change, 0..24), vec(asked(), 1..10))
        .prop_map(|(changes, searches)| Case { changes, searches })
}

fn named(namespace: &[String]) -> Vec<&str> {
    namespace.iter().map(String::as_str).collect()
}

/// Does the same with memory and with a store that is empty.
pub(crate) fn check(case: &Case, store: &dyn Store) -> Result<(), TestCaseError> {
    let memory = MemoryStore::new();
    for (namespace, key, value) in &case.changes {
        let namespace = named(namespace);
        let op = || match value {
            Some(value) => Op::from(Put::new(&namespace, key.clone(), value.clone())),
            None => Op::delete(&namespace, key),
        };
        block_on(memory.batch(vec![op()])).unwrap();
        block_on(store.batch(vec![op()])).unwrap();
    }
    for asked in &case.searches {
        let search = Search::new(&named(&asked.prefix))
            .filter(asked.filter.clone())
            .order(asked.order)
            .limit(asked.limit)
            .offset(asked.offset);
        same_pages(&memory, store, &search)?;
        prop_assert_eq!(
            block_on(store.count(search.clone())).unwrap(),
            block_on(memory.count(search)).unwrap()
        );
        let namespaces = ListNamespaces {
            prefix: asked.prefix.clone(),
            max_depth: Some(asked.limit),
            limit: asked.limit,
            offset: asked.offset,
            ..ListNamespaces::default()
        };
        prop_assert_eq!(
            block_on(store.list_namespaces(namespaces.clone())).unwrap(),
            block_on(memory.list_namespaces(namespaces)).unwrap()
        );
    }
    for (namespace, key, _) in &case.changes {
        let versions = |store: &dyn Store| {
            let history =
                block_on(store.history_with(ItemHistory::new(&named(namespace), key))).unwrap();
            let versions = history.versions.into_iter();
            versions
                .map(|of| (of.item.value, of.ended.map(|ended| ended.how)))
                .collect::<Vec<_>>()
        };
        prop_assert_eq!(versions(store), versions(&memory));
    }
    Ok(())
}

/// All pages, one after the other.
fn same_pages(
    memory: &MemoryStore,
    store: &dyn Store,
    search: &Search,
) -> Result<(), TestCaseError> {
    let mut searches = (search.clone(), search.clone());
    loop {
        let should_be = block_on(memory.page(searches.0.clone())).unwrap();
        let is = block_on(store.page(searches.1.clone())).unwrap();
        let names = |page: &stepwell::store::Page| {
            let items = page.items.iter();
            items
                .map(|item| (item.namespace.clone(), item.key.clone(), item.value.clone()))
                .collect::<Vec<_>>()
        };
        prop_assert_eq!(names(&is), names(&should_be), "{:?}", search);
        prop_assert_eq!(is.next.is_some(), should_be.next.is_some());
        let (Some(is), Some(should_be)) = (is.next, should_be.next) else {
            return Ok(());
        };
        searches = (
            searches.0.after(should_be).offset(0),
            searches.1.after(is).offset(0),
        );
    }
}
