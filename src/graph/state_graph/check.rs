//! What must hold of a graph before it is made ready to run.

use std::collections::BTreeSet;

use super::StateGraph;
use crate::graph::checkpointer_mode::CheckpointerMode;
use crate::graph::config::Breakpoints;
use crate::graph::error::GraphError;
use crate::graph::names::{END, NS_END, NS_SEP, START};
use crate::graph::store_writes::StoreWrites;

impl<S> StateGraph<S> {
    fn is_one_database(&self) -> bool {
        let (CheckpointerMode::Saver(saver), Some(store)) = (&self.checkpointer, &self.store)
        else {
            return false;
        };
        match (saver.database(), store.database()) {
            (Some(a), Some(b)) => a.is_same(b),
            _ => false,
        }
    }

    pub(super) fn check(&self) -> Result<(), GraphError> {
        let invalid = |reason: String| Err(GraphError::InvalidGraph(reason));
        if self.store_writes == StoreWrites::WithStep && !self.is_one_database() {
            return invalid(
                "StoreWrites::WithStep needs the checkpointer and the store of one database".into(),
            );
        }
        let mut taken = BTreeSet::new();
        for (name, _) in &self.channels {
            if name.starts_with("__") || name.starts_with("branch:to:") || name.starts_with("join:")
            {
                return invalid(format!("channel name `{name}` is reserved; choose another"));
            }
            if !taken.insert(name) {
                return invalid(format!("channel `{name}` is added twice"));
            }
        }
        let mut former = BTreeSet::new();
        for (name, channel) in &self.channels {
            for alias in &channel.aliases {
                if taken.contains(alias) || !former.insert(alias) {
                    return invalid(format!(
                        "`{alias}`, once the name of channel `{name}`, also stands for another"
                    ));
                }
            }
        }
        let mut nodes = BTreeSet::new();
        for (name, _) in &self.nodes {
            if name.is_empty() || name.starts_with("__") {
                return invalid(format!("node name `{name}` is reserved; choose another"));
            }
            if name.contains([NS_SEP, NS_END]) {
                return invalid(format!(
                    "node name `{name}` contains `|` or `:`, which separate the levels of a namespace"
                ));
            }
            if name.bytes().all(|b| b.is_ascii_digit()) {
                return invalid(format!(
                    "node name `{name}` has digits only, which in a namespace count the subgraphs that a node calls; \
                     put a letter into it"
                ));
            }
            if !nodes.insert(name.as_str()) {
                return invalid(format!("node `{name}` is added twice"));
            }
        }
        let source = |name: &str, what: &str| match name {
            START => Ok(()),
            name if nodes.contains(name) => Ok(()),
            name => invalid(format!("{what} leaves `{name}`, which is no node")),
        };
        let target = |name: &str, what: &str| match name {
            END => Ok(()),
            name if nodes.contains(name) => Ok(()),
            name => invalid(format!("{what} leads to `{name}`, which is no node")),
        };
        for (from, to) in &self.edges {
            let what = format!("the edge `{from}` -> `{to}`");
            source(from, &what)?;
            target(to, &what)?;
        }
        for (from, to) in &self.joins {
            let what = format!("the join {from:?} -> `{to}`");
            if from.is_empty() {
                return invalid(format!("{what} waits for no node"));
            }
            if from.iter().any(|name| name == START) {
                return invalid(format!("{what} waits for `{START}`, which is no node"));
            }
            from.iter().try_for_each(|name| source(name, &what))?;
            target(to, &what)?;
        }
        for (from, branch) in &self.branches {
            source(from, "a conditional edge")?;
            let what = format!("a conditional edge of `{from}`");
            for to in branch.targets.iter().flat_map(|targets| targets.iter()) {
                target(to, &what)?;
            }
        }
        let mut handled = BTreeSet::new();
        for (name, _) in &self.handlers {
            if !nodes.contains(name.as_str()) {
                return invalid(format!("the error handler of `{name}`, which is no node"));
            }
            if !handled.insert(name) {
                return invalid(format!("node `{name}` has two error handlers"));
            }
        }
        let entered = self.edges.iter().any(|(from, _)| from == START)
            || self.branches.iter().any(|(from, _)| from == START);
        if !entered {
            return invalid(format!(
                "it has no entry; add an edge from `{START}` to the node that runs first"
            ));
        }
        for (list, what) in [(&self.input, "input"), (&self.output, "output")] {
            if let Some(name) = list.iter().flatten().find(|name| !taken.contains(name)) {
                return invalid(format!("{what} names `{name}`, which is no channel"));
            }
        }
        for (points, what) in [
            (&self.interrupt_before, "interrupt_before"),
            (&self.interrupt_after, "interrupt_after"),
        ] {
            if let Breakpoints::Nodes(names) = points
                && let Some(name) = names.iter().find(|name| !nodes.contains(name.as_str()))
            {
                return invalid(format!("{what} names `{name}`, which is no node"));
            }
        }
        Ok(())
    }
}
