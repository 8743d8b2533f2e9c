//! A scenario as its file describes it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Debug, Deserialize)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    pub(crate) graphs: BTreeMap<String, GraphSpec>,
    pub(crate) ops: Vec<Op>,
    pub(crate) expect: Expect,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Expect {
    pub(crate) ops: Vec<Value>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct GraphSpec {
    #[serde(default)]
    pub(crate) channels: BTreeMap<String, ChannelSpec>,
    pub(crate) nodes: BTreeMap<String, NodeSpec>,
    #[serde(default)]
    pub(crate) edges: Vec<(OneOrMany<String>, String)>,
    #[serde(default)]
    pub(crate) branches: Vec<BranchSpec>,
    pub(crate) input: Option<Vec<String>>,
    pub(crate) output: Option<Vec<String>>,
    pub(crate) interrupt_before: Option<OneOrMany<String>>,
    pub(crate) interrupt_after: Option<OneOrMany<String>>,
    pub(crate) checkpointer: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct ChannelSpec {
    pub(crate) reducer: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum OneOrMany<T> {
    Many(Vec<T>),
    One(T),
}

impl<T> OneOrMany<T> {
    pub(crate) fn to_vec(&self) -> Vec<T>
    where
        T: Clone,
    {
        match self {
            Self::Many(many) => many.clone(),
            Self::One(one) => vec![one.clone()],
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct NodeSpec {
    #[serde(default, rename = "do")]
    pub(crate) actions: Vec<Action>,
    pub(crate) graph: Option<String>,
    #[serde(default)]
    pub(crate) defer: bool,
    pub(crate) retry: Option<RetrySpec>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct RetrySpec {
    pub(crate) max_attempts: u32,
    pub(crate) on: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Action {
    #[serde(rename = "if")]
    pub(crate) condition: Option<(String, Value, Value)>,
    #[serde(flatten)]
    pub(crate) act: Act,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub(crate) enum Act {
    Set {
        values: Map<String, Value>,
    },
    Interrupt {
        #[serde(default)]
        value: Value,
        into: Option<String>,
    },
    Fail {
        message: String,
        times: Option<u64>,
        kind: Option<String>,
    },
    Goto {
        to: OneOrMany<Value>,
        graph: Option<String>,
    },
    Call {
        graph: String,
        #[serde(default)]
        input: Value,
        into: Option<String>,
    },
    StorePut {
        ns: Vec<Value>,
        key: Value,
        value: Value,
    },
    StoreGet {
        ns: Vec<Value>,
        key: Value,
        into: String,
    },
    StoreDelete {
        ns: Vec<Value>,
        key: Value,
    },
    StoreSearch {
        ns: Vec<Value>,
        filter: Option<Value>,
        into: String,
    },
    Emit {
        value: Value,
    },
    Sleep {
        ms: u64,
    },
    Return {
        #[serde(default)]
        raw: Value,
    },
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub(crate) enum BranchSpec {
    Send {
        from: String,
        send: String,
        each: Value,
        arg: Value,
    },
    Choice {
        from: String,
        on: Value,
        #[serde(default)]
        cases: BTreeMap<String, OneOrMany<String>>,
        default: Option<OneOrMany<String>>,
    },
}

/// An operation; which keys it has depends on `op`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Op {
    pub(crate) op: String,
    pub(crate) quirk: Option<String>,
    pub(crate) graph: Option<String>,
    pub(crate) thread: Option<String>,
    #[serde(rename = "as")]
    pub(crate) name: Option<String>,
    pub(crate) at: Option<Vec<Value>>,
    pub(crate) ns_of: Option<Vec<Value>>,
    pub(crate) configurable: Map<String, Value>,
    pub(crate) context: Option<Value>,
    pub(crate) input: Value,
    pub(crate) durability: Option<String>,
    pub(crate) recursion_limit: Option<i64>,
    pub(crate) interrupt_before: Option<OneOrMany<String>>,
    pub(crate) interrupt_after: Option<OneOrMany<String>>,
    pub(crate) subgraphs: bool,
    pub(crate) modes: Vec<String>,
    pub(crate) unordered: bool,
    pub(crate) limit: Option<usize>,
    pub(crate) offset: Option<usize>,
    pub(crate) before: Option<Vec<Value>>,
    pub(crate) filter: Option<Value>,
    pub(crate) values: Value,
    pub(crate) as_node: Option<String>,
    pub(crate) supersteps: Vec<Vec<UpdateSpec>>,
    pub(crate) ns: Vec<String>,
    pub(crate) key: String,
    pub(crate) value: Value,
    pub(crate) prefix: Vec<String>,
    pub(crate) suffix: Vec<String>,
    pub(crate) max_depth: Option<usize>,
}

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct UpdateSpec {
    #[serde(default)]
    pub(crate) values: Value,
    pub(crate) as_node: Option<String>,
}

/// The scenario files of a directory, by name.
pub(crate) fn files(directory: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(directory)
        .map_err(|e| format!("cannot read {}: {e}", directory.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| e.to_string())?.path();
        if path.extension().is_some_and(|e| e == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

pub(crate) fn load(path: &Path) -> Result<Scenario, String> {
    let text = std::fs::read_to_string(path).map_err(|e| e.to_string())?;
    serde_json::from_str(&text).map_err(|e| format!("the file cannot be understood: {e}"))
}
