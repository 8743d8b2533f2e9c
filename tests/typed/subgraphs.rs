//! A typed graph as a node of another, and nodes that see another state.

use serde::{Deserialize, Serialize};
use stepwell::checkpoint::MemorySaver;
use stepwell::graph::{
    self, Command, Config, END, GraphError, Node, NodeResult, Runtime, START, State, StateGraph,
    TaskState, TypedGraph,
};

#[derive(State, Clone, Debug, Serialize, Deserialize)]
struct Research {
    question: String,
    #[state(append)]
    sources: Vec<String>,
}

#[derive(State, Clone, Debug, Serialize, Deserialize)]
struct Report {
    topic: String,
    #[state(append)]
    citations: Vec<String>,
}

fn research() -> Result<TypedGraph<Research>, GraphError> {
    async fn look(research: Research, runtime: Runtime) -> NodeResult<ResearchUpdate> {
        let source = runtime.interrupt(research.question)?;
        Ok(ResearchUpdate::new().sources([source.as_str().unwrap_or_default()]))
    }
    StateGraph::typed::<Research>()
        .add_node("look", look)
        .add_edge(START, "look")
        .add_edge("look", END)
        .compile()
}

#[tokio::test]
async fn functions_map_the_state_into_a_subgraph_and_out_of_it() {
    let research = research().unwrap().into_node_of(
        |report: Report| ResearchUpdate::new().question(format!("what of {}?", report.topic)),
        |research| ReportUpdate::new().citations(research.sources),
    );
    let graph = StateGraph::typed::<Report>()
        .add_node("research", research)
        .add_edge(START, "research")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    let input = ReportUpdate::new().topic("wells").citations(["known"]);
    let out = graph.invoke(input, &config).await.unwrap();
    assert_eq!(out.interrupts[0].value, "what of wells?");

    let snapshot = graph.get_state_with_subgraphs(&config).await.unwrap();
    let Some(TaskState::Snapshot(inner)) = &snapshot.tasks[0].state else {
        panic!("no state of the subgraph: {snapshot:?}");
    };
    assert_eq!(inner.values["question"], "what of wells?");

    let out = graph
        .invoke(Command::resume("a book"), &config)
        .await
        .unwrap();
    assert_eq!(out.state.citations, ["known", "a book"]);
}

#[tokio::test]
async fn a_subgraph_whose_fields_have_the_same_names_needs_no_functions() {
    #[derive(State, Clone, Debug, Serialize, Deserialize)]
    struct Outer {
        question: String,
        #[state(append)]
        sources: Vec<String>,
        title: Option<String>,
    }
    let graph = StateGraph::typed::<Outer>()
        .add_node("research", research().unwrap())
        .add_edge(START, "research")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    let input = OuterUpdate::new().question("why?").title("T");
    let out = graph.invoke(input, &config).await.unwrap();
    assert_eq!(out.interrupts[0].value, "why?");
    let out = graph
        .invoke(Command::resume("a book"), &config)
        .await
        .unwrap();
    assert_eq!(out.state.sources, ["a book"]);
    assert_eq!(out.state.title.as_deref(), Some("T"));
}

#[tokio::test]
async fn a_node_calls_a_typed_graph() {
    let inner = research().unwrap();
    let delegate = move |report: Report, runtime: Runtime| {
        let inner = inner.clone();
        async move {
            let input = ResearchUpdate::new().question(report.topic);
            let research = inner.call(&runtime, input).await?;
            NodeResult::Ok(ReportUpdate::new().citations(research.sources))
        }
    };
    let graph = StateGraph::typed::<Report>()
        .add_node("delegate", delegate)
        .add_edge(START, "delegate")
        .with_checkpointer(MemorySaver::new())
        .compile()
        .unwrap();
    let config = Config::thread("t");
    let out = graph
        .invoke(ReportUpdate::new().topic("wells"), &config)
        .await;
    assert_eq!(out.unwrap().interrupts[0].value, "wells");
    let out = graph
        .invoke(Command::resume("a book"), &config)
        .await
        .unwrap();
    assert_eq!(out.state.citations, ["a book"]);
}

#[tokio::test]
async fn what_is_sent_to_a_node_is_a_state_of_its_own() {
    #[derive(State, Clone, Debug, Serialize, Deserialize)]
    struct Job {
        page: u32,
    }
    async fn fetch(job: Job) -> NodeResult<graph::NodeOutput> {
        let update = ReportUpdate::new().citations([format!("page {}", job.page)]);
        Ok(graph::NodeOutput::Update(update.into()))
    }
    let fan_out = |_: Report| -> Vec<graph::Send> {
        let send = |page| graph::Send::new("fetch", JobUpdate::new().page(page));
        (1..=3).map(send).collect()
    };
    let graph = StateGraph::typed::<Report>()
        .add_node("fetch", Node::typed(fetch))
        .add_conditional_edges(START, fan_out)
        .compile()
        .unwrap();
    let input = ReportUpdate::new().topic("wells");
    let out = graph.invoke(input, &Config::new()).await.unwrap();
    assert_eq!(out.state.citations, ["page 1", "page 2", "page 3"]);
}
