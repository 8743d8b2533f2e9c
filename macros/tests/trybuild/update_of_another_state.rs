use stepwell::graph::{State, StateGraph};

#[derive(State)]
struct Chat {
    topic: Option<String>,
}

#[derive(State)]
struct Report {
    topic: Option<String>,
}

async fn write(_: Chat) -> ReportUpdate {
    ReportUpdate::new()
}

fn main() {
    let _ = StateGraph::typed::<Chat>().add_node("write", write);
}
