//! What a retry repeats, and what it leaves alone.

use serde_json::json;
use stepwell::graph::{
    Command, Config, ErrorKind, Node, NodeError, NodeResult, RetryPolicy, Runtime, State,
};

use super::{Counter, SECOND, one_node};

#[tokio::test(start_paused = true)]
async fn a_node_is_told_its_attempt_and_only_the_last_ones_writes_count() {
    let node = Node::new(|_: State, rt: Runtime| async move {
        match rt.attempt() {
            3 => Ok(json!({"log": [rt.attempt()]})),
            n => Err(NodeError::msg(format!("attempt {n} failed"))),
        }
    })
    .retry(RetryPolicy::attempts(3).delay(SECOND).jitter(0.0));
    let graph = one_node(node);
    let start = tokio::time::Instant::now();
    let out = graph.invoke(json!({}), &Config::thread("t")).await.unwrap();
    assert_eq!(out["log"], json!([3]));
    assert_eq!(start.elapsed().as_secs(), 3, "1 s, then 2 s");
}

#[tokio::test(start_paused = true)]
async fn an_invalid_update_from_within_is_not_retried() {
    let runs = Counter::default();
    let counted = runs.clone();
    let inner = one_node(move |_: State| {
        counted.next();
        async { json!("no object") }
    });
    let graph = one_node(Node::new(inner).retry(RetryPolicy::attempts(5)));
    let error = graph.invoke(json!({}), &Config::thread("t")).await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::InvalidUpdate);
    assert_eq!(runs.get(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_question_is_not_retried_and_its_answer_survives_failed_attempts() {
    let runs = Counter::default();
    let counted = runs.clone();
    let node = Node::new(move |_: State, rt: Runtime| {
        let counted = counted.clone();
        async move {
            let run = counted.next();
            let first = rt.interrupt("first?")?;
            if run == 2 {
                return Err(NodeError::msg("no luck"));
            }
            let second = rt.interrupt("second?")?;
            NodeResult::Ok(json!({"log": [first, second]}))
        }
    })
    .retry(RetryPolicy::attempts(2).delay(SECOND));
    let graph = one_node(node);
    let config = Config::thread("t");
    let out = graph.invoke(json!({}), &config).await.unwrap();
    assert_eq!(out.interrupts[0].value, json!("first?"));
    assert_eq!(runs.get(), 1);
    // The answer is used by the attempt that fails and, again, by the one that asks on.
    let out = graph.invoke(Command::resume("a"), &config).await.unwrap();
    assert_eq!(out.interrupts[0].value, json!("second?"));
    assert_eq!(runs.get(), 3);
    let out = graph.invoke(Command::resume("b"), &config).await.unwrap();
    assert_eq!(out["log"], json!(["a", "b"]));
}
