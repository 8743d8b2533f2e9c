//! A thread that was written by an earlier version of the struct.

use serde::{Deserialize, Serialize};
use serde_json::json;
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{
    Channel, Command, Config, ErrorKind, GraphError, GraphState, NodeResult, Runtime, START, State,
    StateGraph, TypedGraph,
};

#[derive(State, Clone, Debug, Serialize, Deserialize)]
struct Before {
    name: String,
    #[state(append)]
    visits: Vec<u32>,
    #[state(ephemeral)]
    hint: Option<String>,
    dropped: Option<String>,
}

/// A graph that asks something and then ends, of any state.
fn asking<S: GraphState>(saver: &MemorySaver) -> Result<TypedGraph<S>, GraphError> {
    async fn ask(_: State, runtime: Runtime) -> NodeResult<()> {
        runtime.interrupt("?")?;
        Ok(())
    }
    async fn see<S>(_: S) {}
    StateGraph::typed::<S>()
        .add_node("see", see::<S>)
        .add_node("ask", stepwell::graph::Node::new(ask))
        .add_edge(START, "see")
        .add_edge("see", "ask")
        .with_checkpointer(saver.clone())
        .compile()
}

/// A thread as the earlier version left it.
async fn written(saver: &MemorySaver) -> Result<Config, GraphError> {
    let config = Config::thread("t");
    let input = BeforeUpdate::new()
        .name("Ada")
        .visits([1, 2])
        .dropped("gone");
    asking::<Before>(saver)?.invoke(input, &config).await?;
    Ok(config)
}

#[tokio::test]
async fn an_added_field_takes_its_default_and_a_removed_one_is_left_alone() {
    #[derive(State, Clone, Debug, Serialize, Deserialize)]
    struct After {
        name: String,
        #[state(append)]
        visits: Vec<u32>,
        nickname: Option<String>,
        #[state(default = 7)]
        limit: u32,
        #[serde(default = "no_title")]
        title: String,
        #[state(append)]
        tags: Vec<String>,
        #[state(add)]
        points: u32,
    }
    fn no_title() -> String {
        "untitled".into()
    }
    let saver = MemorySaver::new();
    let config = written(&saver).await.unwrap();
    let graph = asking::<After>(&saver).unwrap();
    let out = graph.invoke(Command::resume(1), &config).await.unwrap();
    let state = out.state;
    assert_eq!((state.name.as_str(), state.visits), ("Ada", vec![1, 2]));
    assert_eq!((state.nickname, state.limit), (None, 7));
    assert_eq!((state.title.as_str(), state.tags.len()), ("untitled", 0));
    assert_eq!(state.points, 0);
}

#[tokio::test]
async fn an_added_field_without_a_default_is_an_error_that_names_it() {
    #[derive(State, Clone, Debug, Serialize, Deserialize)]
    struct After {
        name: String,
        email: String,
    }
    let saver = MemorySaver::new();
    let config = written(&saver).await.unwrap();
    let graph = asking::<After>(&saver).unwrap();
    let error = graph.get_state(&config).await.unwrap().state().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
    assert!(error.to_string().contains("`email`"), "{error}");
    let update = AfterUpdate::new().email("ada@example.org");
    graph
        .update_state(&config, update, Some("see"))
        .await
        .unwrap();
    let state = graph.get_state(&config).await.unwrap().state().unwrap();
    assert_eq!(
        (state.name.as_str(), state.email.as_str()),
        ("Ada", "ada@example.org")
    );
}

#[tokio::test]
async fn a_field_of_another_type_is_an_error_that_names_it() {
    #[derive(State, Clone, Debug, Serialize, Deserialize)]
    struct After {
        name: String,
        #[state(append)]
        visits: Vec<String>,
    }
    let saver = MemorySaver::new();
    let config = written(&saver).await.unwrap();
    let graph = asking::<After>(&saver).unwrap();
    let error = graph.invoke(AfterUpdate::new(), &config).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidState);
    assert!(error.to_string().contains("`visits`"), "{error}");
}

#[derive(State, Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Renamed {
    #[serde(alias = "name")]
    full_name: String,
    #[state(append)]
    #[serde(rename = "seen", alias = "visits")]
    days: Vec<u32>,
    #[state(ephemeral)]
    #[serde(alias = "hint")]
    advice: Option<String>,
}

#[tokio::test]
async fn a_renamed_field_is_found_under_its_alias_and_written_under_its_name() {
    let saver = MemorySaver::new();
    let config = written(&saver).await.unwrap();
    let graph = asking::<Renamed>(&saver).unwrap();
    let out = graph.invoke(Command::resume(1), &config).await.unwrap();
    assert_eq!(
        (out.state.full_name.as_str(), out.state.days),
        ("Ada", vec![1, 2])
    );

    let input = RenamedUpdate::new().full_name("Ada L.").days([3]);
    graph.invoke(input, &config).await.unwrap();
    let snapshot = graph.get_state(&config).await.unwrap();
    assert_eq!(snapshot.values["fullName"], "Ada L.");
    assert_eq!(snapshot.values["seen"], json!([1, 2, 3]));
    assert_eq!(snapshot.state().unwrap().days, [1, 2, 3]);
}

#[tokio::test]
async fn what_is_pending_under_a_former_name_is_not_lost() {
    let saver = MemorySaver::new();
    let config = Config::thread("t");
    let fork = StateGraph::typed::<Before>()
        .add_node("write", |_: Before| async {
            BeforeUpdate::new().visits([5])
        })
        .add_node("ask", |_: Before, runtime: Runtime| async move {
            runtime.interrupt("?").map(drop)
        })
        .add_edge(START, "write")
        .add_edge(START, "ask")
        .with_checkpointer(saver.clone())
        .compile()
        .unwrap();
    let input = BeforeUpdate::new().name("Ada").hint("psst");
    fork.invoke(input, &config).await.unwrap();

    let graph = StateGraph::typed::<Renamed>()
        .add_node("write", |_: Renamed| async {
            RenamedUpdate::new().days([5])
        })
        .add_node("ask", |state: Renamed, runtime: Runtime| async move {
            assert_eq!(state.advice.as_deref(), Some("psst"));
            runtime.interrupt("?").map(drop)
        })
        .add_edge(START, "write")
        .add_edge(START, "ask")
        .with_checkpointer(saver)
        .compile()
        .unwrap();
    let out = graph.invoke(Command::resume(1), &config).await.unwrap();
    assert_eq!(out.state.days, [5]);
    assert_eq!(out.state.full_name, "Ada");
    let again = graph.get_state(&config).await.unwrap().state().unwrap();
    assert_eq!(
        again.advice, None,
        "it has expired and does not come back under its former name"
    );
}

#[test]
fn an_alias_that_stands_for_two_channels_is_refused() {
    let graph = StateGraph::new()
        .add_channel("town", Channel::last())
        .add_channel("city", Channel::last().alias("town"))
        .add_node("n", |_: State| async {})
        .add_edge(START, "n");
    let error = graph.compile().unwrap_err();
    assert!(error.to_string().contains("`town`"), "{error}");
}
