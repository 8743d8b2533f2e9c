//! What the programs that people write with a checkpointer and a store rely on, one behaviour per test, each in
//! memory and on a database.

#[path = "seeds/kept.rs"]
mod kept;

#[path = "seeds/chat.rs"]
mod chat;
#[path = "seeds/config.rs"]
mod config;
#[path = "seeds/durable.rs"]
mod durable;
#[path = "seeds/history.rs"]
mod history;
#[path = "seeds/parallel_subgraphs.rs"]
mod parallel_subgraphs;
#[path = "seeds/recovery.rs"]
mod recovery;
#[path = "seeds/store.rs"]
mod store;
#[path = "seeds/subgraph_modes.rs"]
mod subgraph_modes;
#[path = "seeds/thread_id.rs"]
mod thread_id;
#[path = "seeds/update.rs"]
mod update;
