//! Runs that begin with a command which says where to go.

use serde_json::json;
use stepwell::graph::{self, Command, Config, UnfinishedReason};

use crate::gate::{Gate, savers};
use crate::recovering::{Log, compiled, cut_off, found, statuses_agree};

#[tokio::test]
async fn a_run_that_was_sent_to_a_node_by_a_command_and_cut_off_goes_on_there() {
    let (savers, _directory) = savers();
    for saver in savers {
        let (gate, log) = (Gate::new(), Log::default());
        let graph = compiled(&saver, &gate, &log);
        let commands = [
            Command::new().goto("b").update(json!({"mode": "gate"})),
            Command::new().goto(graph::Send::new("b", json!({"mode": "gate"}))),
        ];
        for (thread, command) in ["goes", "is sent"].iter().zip(commands) {
            let config = Config::thread(*thread);
            graph.invoke(json!({}), &config).await.unwrap();
            cut_off(&graph, command, &config, &gate).await;
            statuses_agree(&graph, &saver).await;
            let expected = [((*thread).to_owned(), UnfinishedReason::CutOff)];
            assert_eq!(found(&graph).await, expected);
            assert_eq!(graph.get_state(&config).await.unwrap().next, ["b"]);
            gate.open();
            let [resumed] = graph.resume_all().await.unwrap().try_into().unwrap();
            let done = json!(["a", "b", "c", "b", "c"]);
            assert_eq!(resumed.outcome.unwrap()["done"], done);
            gate.begun().await;
            statuses_agree(&graph, &saver).await;
            assert!(found(&graph).await.is_empty());
        }
    }
}
