//! The executor where it goes beyond the recorded scenarios: failures, order of saving, mistakes in graphs,
//! threads that are busy, deleted or cut off.

#[cfg(test)]
mod answering;
#[cfg(test)]
#[path = "../common/appending.rs"]
mod appending;
#[cfg(test)]
mod backlog;
#[cfg(test)]
mod building;
#[cfg(test)]
mod busy;
#[cfg(test)]
mod commanded;
#[cfg(test)]
mod concurrency;
#[cfg(test)]
mod deleting;
#[cfg(test)]
mod drawing;
#[cfg(test)]
mod failing;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod growing;
#[cfg(test)]
mod handlers;
#[cfg(test)]
mod joins;
#[cfg(test)]
mod layers;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod recovering;
#[cfg(test)]
mod routing;
#[cfg(test)]
mod saving;
#[cfg(test)]
#[path = "../common/status.rs"]
mod status;
#[cfg(test)]
mod stopping;
#[cfg(test)]
mod store_layer;
#[cfg(test)]
mod store_writes;
#[cfg(test)]
mod streaming;
#[cfg(test)]
mod subgraphs_at_once;
#[cfg(test)]
mod to_parent;
