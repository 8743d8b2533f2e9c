//! Lists that share the channel's value.

use serde::{Deserialize, Serialize};
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{
    CompiledGraph, Config, END, List, Message, Runtime, START, State, StateGraph,
};

#[derive(State, Clone, Debug, Serialize, Deserialize)]
struct Chat {
    #[state(messages)]
    messages: List<Message>,
    #[state(append)]
    lengths: List<usize>,
}

async fn count(chat: Chat) -> Result<ChatUpdate, serde_json::Error> {
    let last = chat.messages.last()?.map(|m| m.content);
    let update = ChatUpdate::new().lengths([chat.messages.len()]);
    Ok(update.messages([Message::assistant(format!("after {last:?}"))]))
}

#[tokio::test]
async fn a_node_reads_a_list_without_decoding_it_and_writes_what_is_new() {
    let graph = StateGraph::typed::<Chat>()
        .add_node("count", count)
        .add_edge(START, "count")
        .add_edge("count", END)
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    for text in ["hello", "and?"] {
        let input = ChatUpdate::new().messages([Message::user(text)]);
        graph.invoke(input, &config).await.unwrap();
    }
    let chat = graph.get_state(&config).await.unwrap().state().unwrap();
    assert_eq!(chat.messages.len(), 4);
    let lengths: Vec<usize> = chat.lengths.iter().collect::<Result<_, _>>().unwrap();
    assert_eq!(lengths, [1, 3]);
    assert_eq!(chat.lengths.get(7).unwrap(), None);
    assert!(!chat.lengths.is_empty());
}

#[tokio::test]
async fn an_element_of_another_shape_is_an_error_where_it_is_read() {
    let graph = StateGraph::typed::<Chat>()
        .add_node("reads", |chat: Chat, _: Runtime| async move {
            chat.lengths.last().map(drop)
        })
        .add_edge(START, "reads")
        .compile()
        .unwrap();
    let input = serde_json::json!({"lengths": ["many"]});
    let dynamic: &CompiledGraph = &graph;
    let error = dynamic.invoke(input, &Config::new()).await.unwrap_err();
    assert!(error.to_string().contains("expected usize"), "{error}");
}
