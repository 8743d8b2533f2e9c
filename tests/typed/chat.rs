//! A conversation: memory, interrupts, own errors, reading and editing the thread.

use serde::{Deserialize, Serialize};
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{
    Command, Config, END, ErrorKind, GraphError, HistoryQuery, Input, Message, NodeResult, Role,
    Runtime, START, State, StateGraph, TypedGraph,
};

#[derive(State, Clone, Debug, Serialize, Deserialize)]
struct Chat {
    #[state(messages)]
    messages: Vec<Message>,
    #[state(append)]
    notes: Vec<String>,
    topic: Option<String>,
    #[state(default = 2)]
    patience: u32,
}

async fn respond(chat: Chat) -> ChatUpdate {
    let heard = chat.messages.len();
    ChatUpdate::new()
        .messages([Message::assistant(format!("{heard} so far"))])
        .notes(["responded"])
        .topic("counting")
}

fn chat() -> Result<TypedGraph<Chat>, GraphError> {
    StateGraph::typed::<Chat>()
        .add_node("respond", respond)
        .add_edge(START, "respond")
        .add_edge("respond", END)
        .with_checkpointer(MemorySaver::new())
        .compile()
}

fn hello() -> ChatUpdate {
    ChatUpdate::new().messages([Message::user("hello")])
}

#[tokio::test]
async fn a_thread_remembers_the_conversation() {
    let graph = chat().unwrap();
    let config = Config::thread("t");
    graph.invoke(hello(), &config).await.unwrap();
    let out = graph.invoke(hello(), &config).await.unwrap();
    let said: Vec<&str> = out.state.messages.iter().map(Message::text).collect();
    assert_eq!(said, ["hello", "1 so far", "hello", "3 so far"]);
    assert_eq!(out.state.messages[1].role, Role::Assistant);
    assert!(out.state.messages.iter().all(|m| m.id.is_some()));
    assert_eq!(out.state.notes, ["responded", "responded"]);
    assert_eq!(out.state.topic.as_deref(), Some("counting"));
    assert_eq!(out.state.patience, 2);
    let other = graph.invoke(hello(), &Config::thread("u")).await.unwrap();
    assert_eq!(other.state.messages.len(), 2);
}

#[tokio::test]
async fn messages_are_replaced_and_removed_by_id() {
    let graph = chat().unwrap();
    let config = Config::thread("t");
    let first = Message::user("frist").with_id("1");
    graph
        .invoke(ChatUpdate::new().messages([first]), &config)
        .await
        .unwrap();
    let update = ChatUpdate::new().messages([
        Message::user("first").with_id("1").with("name", "Ada"),
        Message::user("second").with_id("2"),
    ]);
    graph.update_state(&config, update, None).await.unwrap();
    let chat = graph.get_state(&config).await.unwrap().state().unwrap();
    assert_eq!(chat.messages[0].text(), "first");
    assert_eq!(chat.messages[0].extra["name"], "Ada");
    let update = ChatUpdate::new().messages([Message::remove("1")]);
    graph.update_state(&config, update, None).await.unwrap();
    let chat = graph.get_state(&config).await.unwrap().state().unwrap();
    assert_eq!(chat.messages.len(), 2);
    let update =
        ChatUpdate::new().messages([Message::remove_all(), Message::system("anew").with_id("3")]);
    graph.update_state(&config, update, None).await.unwrap();
    let chat = graph.get_state(&config).await.unwrap().state().unwrap();
    assert_eq!(chat.messages, [Message::system("anew").with_id("3")]);
}

#[tokio::test]
async fn an_overwrite_replaces_what_a_reducer_gathered() {
    async fn forget(_: Chat) -> ChatUpdate {
        ChatUpdate::new().overwrite_notes(["start over"])
    }
    let graph = StateGraph::typed::<Chat>()
        .add_node("forget", forget)
        .add_edge(START, "forget")
        .compile()
        .unwrap();
    let input = ChatUpdate::new().notes(["a"]).notes(["b"]);
    let out = graph.invoke(input, &Config::new()).await.unwrap();
    assert_eq!(out.state.notes, ["start over"]);
}

#[tokio::test]
async fn a_node_asks_and_gets_the_answer() {
    async fn ask(chat: Chat, runtime: Runtime) -> NodeResult<ChatUpdate> {
        let answer = runtime.interrupt(format!("about {}?", chat.topic.unwrap_or_default()))?;
        Ok(ChatUpdate::new().notes([answer.as_str().unwrap_or_default()]))
    }
    let graph = StateGraph::typed::<Chat>()
        .add_node("ask", ask)
        .add_edge(START, "ask")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    let out = graph
        .invoke(ChatUpdate::new().topic("stones"), &config)
        .await
        .unwrap();
    assert!(out.is_interrupted());
    assert_eq!(out.interrupts[0].value, "about stones?");
    assert_eq!(out.state.topic.as_deref(), Some("stones"));
    let out = graph.invoke(Command::resume("yes"), &config).await.unwrap();
    assert!(!out.is_interrupted());
    assert_eq!(out.state.notes, ["yes"]);
}

#[derive(Debug, thiserror::Error)]
enum ChatError {
    #[error("nothing was said")]
    Silence,
}

#[tokio::test]
async fn a_node_fails_with_an_error_of_its_own() {
    async fn listen(chat: Chat) -> Result<ChatUpdate, ChatError> {
        if chat.messages.is_empty() {
            return Err(ChatError::Silence);
        }
        Ok(ChatUpdate::new().notes(["heard"]))
    }
    let graph = StateGraph::typed::<Chat>()
        .add_node("listen", listen)
        .add_edge(START, "listen")
        .compile()
        .unwrap();
    let error = graph
        .invoke(ChatUpdate::new(), &Config::new())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Node);
    assert_eq!(error.node_message().as_deref(), Some("nothing was said"));
    let out = graph.invoke(hello(), &Config::new()).await.unwrap();
    assert_eq!(out.state.notes, ["heard"]);
}

#[tokio::test]
async fn edges_and_commands_choose_by_the_typed_state() {
    let graph = StateGraph::typed::<Chat>()
        .add_node("wait", |chat: Chat| async move {
            ChatUpdate::new().patience(chat.patience - 1)
        })
        .add_node("leave", |_: Chat| async {
            Command::new()
                .update(ChatUpdate::new().notes(["leaving"]))
                .goto("gone")
        })
        .add_node("gone", |_: Chat| async {
            ChatUpdate::new().notes(["gone"])
        })
        .add_edge(START, "wait")
        .add_conditional_edges(
            "wait",
            |chat: Chat| {
                if chat.patience > 0 { "wait" } else { "leave" }
            },
        )
        .compile()
        .unwrap();
    let input = ChatUpdate::new().patience(3);
    let out = graph.invoke(input, &Config::new()).await.unwrap();
    assert_eq!(out.state.notes, ["leaving", "gone"]);
    assert_eq!(out.state.patience, 0);
}

#[tokio::test]
async fn a_thread_is_read_edited_and_rewound() {
    let graph = chat().unwrap();
    let config = Config::thread("t");
    graph.invoke(hello(), &config).await.unwrap();
    let snapshot = graph.get_state(&config).await.unwrap();
    assert!(snapshot.next.is_empty());
    assert_eq!(snapshot.state().unwrap().notes, ["responded"]);

    let edit = ChatUpdate::new().clear_topic().notes(["edited"]);
    graph
        .update_state(&config, edit, Some("respond"))
        .await
        .unwrap();
    let edited = graph.get_state(&config).await.unwrap().state().unwrap();
    assert_eq!(edited.notes, ["responded", "edited"]);
    assert_eq!(edited.topic, None);

    let history = graph.get_state_history(&config, HistoryQuery::default());
    let history = history.collect().await.unwrap();
    let before = history.iter().find(|s| s.next == ["respond"]).unwrap();
    let out = graph.replay(&before.config).await.unwrap();
    assert_eq!(out.state.notes, ["responded"]);
}

#[tokio::test]
async fn a_finished_thread_continues_with_nothing_to_do() {
    let graph = chat().unwrap();
    let config = Config::thread("t");
    graph.invoke(hello(), &config).await.unwrap();
    let out = graph.invoke(Input::Continue, &config).await.unwrap();
    assert_eq!(out.state.messages.len(), 2);
}
