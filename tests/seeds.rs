//! What the programs that people write with a checkpointer and a store rely on, one behaviour per
//! test, each in memory and on a database.

#[cfg(test)]
#[path = "seeds/kept.rs"]
mod kept;

#[cfg(test)]
#[path = "seeds/chat.rs"]
mod chat;
#[cfg(test)]
#[path = "seeds/config.rs"]
mod config;
#[cfg(test)]
#[path = "seeds/durable.rs"]
mod durable;
#[cfg(test)]
#[path = "seeds/history.rs"]
mod history;
#[cfg(test)]
#[path = "seeds/parallel_subgraphs.rs"]
mod parallel_subgraphs;
#[cfg(test)]
#[path = "seeds/recovery.rs"]
mod recovery;
#[cfg(test)]
#[path = "seeds/store.rs"]
mod store;
#[cfg(test)]
#[path = "seeds/subgraph_modes.rs"]
mod subgraph_modes;
#[cfg(test)]
#[path = "seeds/thread_id.rs"]
mod thread_id;
#[cfg(test)]
#[path = "seeds/update.rs"]
mod update;
