//! What each attribute of a field does.

use std::collections::{BTreeMap, HashMap, VecDeque};

use serde::{Deserialize, Serialize};
use stepwell::graph::{Config, ErrorKind, GraphError, START, State, StateGraph};

fn shortest(a: String, b: String) -> String {
    if b.len() < a.len() { b } else { a }
}

#[derive(State, Clone, Debug, PartialEq, Serialize, Deserialize)]
struct All {
    #[state(append)]
    appended: VecDeque<u8>,
    #[state(add)]
    added: i64,
    #[state(add, default = 0.5)]
    added_to_half: f64,
    #[state(concat)]
    joined: String,
    #[state(merge)]
    merged: BTreeMap<String, u8>,
    #[state(max)]
    largest: Option<u32>,
    #[state(min, default = 10)]
    smallest: u32,
    #[state(custom = shortest)]
    shortest: Option<String>,
    #[state(any)]
    any: Option<u8>,
    #[state(ephemeral)]
    ephemeral: Option<u8>,
    #[state(topic(accumulate))]
    all: Vec<u8>,
    #[state(topic)]
    newest: Vec<u8>,
    #[state(untracked)]
    untracked: Option<u8>,
}

/// Runs a graph of two steps, each of which returns what `writes` makes.
async fn run(writes: fn() -> AllUpdate) -> Result<All, GraphError> {
    let graph = StateGraph::typed::<All>()
        .add_node("first", move |_: All| async move { writes() })
        .add_node("second", move |_: All| async move { writes() })
        .add_edge(START, "first")
        .add_edge("first", "second")
        .compile()?;
    let out = graph.invoke(AllUpdate::new(), &Config::new()).await?;
    Ok(out.state)
}

#[tokio::test]
async fn each_reducer_folds_its_writes() {
    let state = run(|| {
        AllUpdate::new()
            .appended([1, 2])
            .added(2)
            .added_to_half(0.25)
            .joined("ab")
            .merged([("a".to_owned(), 1)])
            .largest(7)
            .smallest(12)
            .shortest("long")
            .any(3)
            .ephemeral(4)
            .all([5])
            .newest([6])
            .untracked(8)
    });
    let expected = All {
        appended: [1, 2, 1, 2].into(),
        added: 4,
        added_to_half: 1.0,
        joined: "abab".into(),
        merged: [("a".to_owned(), 1)].into(),
        largest: Some(7),
        smallest: 10,
        shortest: Some("long".into()),
        any: Some(3),
        ephemeral: Some(4),
        all: vec![5, 5],
        newest: vec![6],
        untracked: Some(8),
    };
    assert_eq!(state.await.unwrap(), expected);
}

#[tokio::test]
async fn a_field_that_was_never_written_is_where_its_reducer_starts() {
    let state = run(AllUpdate::new).await.unwrap();
    assert_eq!(state.appended, VecDeque::new());
    assert_eq!((state.added, state.added_to_half), (0, 0.5));
    assert_eq!(state.joined, "");
    assert!(state.merged.is_empty() && state.all.is_empty() && state.newest.is_empty());
    assert_eq!((state.largest, state.smallest), (None, 10));
    assert_eq!(
        (state.shortest, state.any, state.ephemeral),
        (None, None, None)
    );
}

#[tokio::test]
async fn a_field_without_a_start_has_to_be_written_before_it_is_read() {
    #[derive(State, Clone, Debug, Serialize, Deserialize)]
    struct Question {
        asked: String,
    }
    let graph = StateGraph::typed::<Question>()
        .add_node("read", |_: Question| async {})
        .add_edge(START, "read")
        .compile()
        .unwrap();
    let config = Config::new();
    let run = graph.invoke(QuestionUpdate::new(), &config);
    let error = run.await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
    let text = error.to_string();
    assert!(
        text.contains("`asked`") && text.contains("`Question`"),
        "{text}"
    );
    let run = graph.invoke(QuestionUpdate::new().asked("why?"), &config);
    assert_eq!(run.await.unwrap().state.asked, "why?");
}

#[tokio::test]
async fn a_write_that_cannot_be_serialised_is_refused_by_its_channel() {
    #[derive(State, Clone, Debug, Serialize, Deserialize)]
    struct Map {
        last: HashMap<Vec<u8>, u8>,
        #[state(append)]
        list: Vec<HashMap<Vec<u8>, u8>>,
    }
    let graph = StateGraph::typed::<Map>()
        .add_node("read", |_: Map| async {})
        .add_edge(START, "read")
        .compile()
        .unwrap();
    let bad = || HashMap::from([(vec![1], 1)]);
    let updates = [
        ("last", MapUpdate::new().last(bad())),
        ("list", MapUpdate::new().list([bad()])),
        (
            "list",
            MapUpdate::new().list([bad()]).list([HashMap::new()]),
        ),
        ("list", MapUpdate::new().overwrite_list([bad()])),
    ];
    for (channel, update) in updates {
        let error = graph.invoke(update, &Config::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidUpdate);
        let text = error.to_string();
        assert!(
            text.contains(channel) && text.contains("serialised"),
            "{text}"
        );
    }
}
