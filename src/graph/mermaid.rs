//! A graph as a Mermaid flowchart. It draws and decides nothing.

use std::fmt::Write as _;

use crate::graph::compiled::{CompiledGraph, CompiledNode, Inner};
use crate::graph::names::{END, START};

impl CompiledGraph {
    /// The graph as the text of a [Mermaid](https://mermaid.js.org) flowchart.
    ///
    /// Edges are drawn as lines, joins as thick lines, and what a router or an error handler decides as
    /// dashed ones: to the nodes that were
    /// [declared](crate::graph::StateGraph::add_conditional_edges_to), or to a question mark.
    /// Where a node's [`Command`](crate::graph::Command) goes is not known before it runs and not drawn. A subgraph
    /// is a block.
    ///
    /// ```
    /// # use stepwell::graph::{END, START, State, StateGraph};
    /// # async fn answer(_: State) {}
    /// let graph = StateGraph::new()
    ///     .add_node("answer", answer)
    ///     .add_edge(START, "answer")
    ///     .add_edge("answer", END)
    ///     .compile()?;
    /// assert_eq!(graph.to_mermaid(), "\
    /// flowchart TD
    ///     start([start])
    ///     n1[answer]
    ///     finish([end])
    ///     start --> n1
    ///     n1 --> finish
    /// ");
    /// # Ok::<(), stepwell::graph::GraphError>(())
    /// ```
    pub fn to_mermaid(&self) -> String {
        let mut chart = String::from("flowchart TD\n");
        Drawing {
            graph: &self.inner,
            prefix: "",
            indent: 1,
        }
        .draw(&mut chart);
        chart
    }
}

/// One graph, or one subgraph within its block.
struct Drawing<'a> {
    graph: &'a Inner,
    /// Of the names of nodes within the chart: the place of the node that is the subgraph.
    prefix: &'a str,
    indent: usize,
}

impl Drawing<'_> {
    fn draw(&self, chart: &mut String) {
        self.line(chart, &format!("{}([start])", self.id(START)));
        for node in self.nodes() {
            let id = self.id(&node.name);
            let label = label(&node.name);
            match node.subgraph() {
                None => self.line(chart, &format!("{id}[{label}]")),
                Some(subgraph) => {
                    self.line(chart, &format!("subgraph {id} [{label}]"));
                    Drawing {
                        graph: &subgraph.inner,
                        prefix: &format!("{id}_"),
                        indent: self.indent + 1,
                    }
                    .draw(chart);
                    self.line(chart, "end");
                }
            }
        }
        let drawn = &self.graph.drawn;
        let declared = self.graph.nodes.iter().flat_map(|node| &node.branches);
        let declared = declared.flat_map(|branch| branch.targets.iter().flat_map(|t| t.iter()));
        let ends = drawn.edges.iter().map(|(_, to)| to);
        let mut ends = ends
            .chain(drawn.joins.iter().map(|(_, to)| to))
            .chain(declared);
        if ends.any(|to| to == END) {
            self.line(chart, &format!("{}([end])", self.id(END)));
        }
        for (from, to) in &drawn.edges {
            self.line(chart, &format!("{} --> {}", self.id(from), self.id(to)));
        }
        for (from, to) in &drawn.joins {
            for from in from {
                self.line(chart, &format!("{} ==> {}", self.id(from), self.id(to)));
            }
        }
        for node in &self.graph.nodes {
            self.draw_decisions(node, chart);
        }
    }

    fn draw_decisions(&self, node: &CompiledNode, chart: &mut String) {
        let from = self.id(&node.name);
        for (place, branch) in node.branches.iter().enumerate() {
            match &branch.targets {
                Some(targets) => {
                    for to in targets.iter() {
                        self.line(chart, &format!("{from} -.-> {}", self.id(to)));
                    }
                }
                None => self.line(chart, &format!("{from} -.-> {from}_to{place}{{?}}")),
            }
        }
        if let Some(handler) = &node.on_error {
            let to = self.id(handler);
            self.line(chart, &format!("{from} -. on error .-> {to}"));
        }
    }

    fn nodes(&self) -> impl Iterator<Item = &CompiledNode> {
        self.graph.nodes.iter().filter(|n| n.work.is_some())
    }

    /// What the node is called within the chart. Its own name may contain anything.
    fn id(&self, name: &str) -> String {
        let prefix = self.prefix;
        let place = self.graph.nodes.iter().position(|n| &*n.name == name);
        match (name, place) {
            (START, _) => format!("{prefix}start"),
            (_, Some(place)) => format!("{prefix}n{place}"),
            (_, None) => format!("{prefix}finish"),
        }
    }

    fn line(&self, chart: &mut String, text: &str) {
        // Writing to a string does not fail.
        let _ = writeln!(chart, "{:1$}{text}", "", 4 * self.indent);
    }
}

/// A name as the label of a node: quoted unless it is a word.
fn label(name: &str) -> String {
    let is_word = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    // `end` alone is a keyword.
    if is_word && name != "end" {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "#quot;"))
    }
}
