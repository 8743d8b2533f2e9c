//! The executor: state graphs that run in super-steps, save each one, stop to ask, and travel in time.
//!
//! A graph has *channels* (its state) and *nodes* (its work). A run is a sequence of super-steps: the
//! nodes that were triggered run concurrently on one view of the state, their writes are applied
//! together in a fixed order, a checkpoint is saved, and the edges say which nodes are triggered next.
//! The semantics are LangGraph's, so that a program is carried over line by line.
//!
//! ```
//! use serde_json::json;
//! use stepwell::checkpoint::MemorySaver;
//! use stepwell::graph::{Channel, Config, END, START, State, StateGraph};
//!
//! # async fn respond(_: State) -> serde_json::Value {
//! #     json!({"messages": ["Bot response"]})
//! # }
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let graph = StateGraph::new()
//!     .add_channel("messages", Channel::append())
//!     .add_node("respond", respond)
//!     .add_edge(START, "respond")
//!     .add_edge("respond", END)
//!     .with_checkpointer(MemorySaver::new())
//!     .compile()?;
//!
//! let config = Config::thread("conversation-1");
//! graph.invoke(json!({"messages": ["Hello"]}), &config).await?;
//! let out = graph.invoke(json!({"messages": ["How are you?"]}), &config).await?;
//! assert_eq!(out["messages"].as_array().map(Vec::len), Some(4));
//! # Ok::<(), stepwell::graph::GraphError>(())
//! # }).unwrap();
//! ```
//!
//! This module must never know which checkpointer or store it runs on.

mod branch;
mod channels;
mod checkpointer_mode;
mod command;
mod compiled;
mod config;
mod error;
mod failed_node;
mod input;
mod interrupt;
mod layer;
mod mermaid;
mod names;
mod node;
mod node_error;
mod output;
mod panics;
mod run;
mod runtime;
mod state;
mod state_graph;
mod stop_signal;
mod store_writes;
mod stream;
mod thread;
pub mod typed;
mod when_busy;

pub use branch::{Branch, IntoRouter, IntoTargets, Target};
pub use channels::channel::Channel;
pub use channels::reducer::ReduceError;
pub use checkpointer_mode::CheckpointerMode;
pub use command::{Command, Send};
pub use compiled::CompiledGraph;
pub use config::{Breakpoints, Config, DEFAULT_RECURSION_LIMIT, Durability};
pub use error::{ErrorKind, GraphError};
pub use failed_node::FailedNode;
pub use input::{Input, RunOutput};
pub use interrupt::Interrupt;
pub use layer::{
    Cache, CacheKey, Layer, MemoryCache, Next, NodeCache, NodeTimeoutError, RetryPolicy, Timeout,
};
pub use names::{END, START};
pub use node::{IntoNode, Node, NodeOf};
pub use node_error::{NodeError, NodeResult};
pub use output::{IntoNodeOutput, NodeOutput, overwrite};
pub use run::last_saved::LastSaved;
pub use runtime::Runtime;
pub use state::State;
pub use state_graph::StateGraph;
pub use stepwell_macros::State;
pub use stop_signal::StopSignal;
pub use store_writes::StoreWrites;
pub use stream::{Event, RunStream, StreamEvent, StreamMode, StreamOptions};
pub use thread::history::{HistoryQuery, StateHistory};
pub use thread::recovery::ResumedThread;
pub use thread::snapshot::{StateSnapshot, TaskError, TaskSnapshot, TaskState};
pub use thread::unfinished::{UnfinishedReason, UnfinishedThread};
pub use thread::update_state::StateUpdate;
pub use typed::{
    FromState, GraphState, List, Message, Role, TypedGraph, TypedHistory, TypedOutput,
    TypedSnapshot,
};
pub use when_busy::WhenBusy;
