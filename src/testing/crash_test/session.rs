//! [`Session`]: one life of a process: the points that it comes to, and the one at which it dies.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use crate::probe::{Boundary, Probe};
use crate::testing::{Random, SimFs};
use crate::vfs::sim::Watch;

/// One life of a process.
pub(super) struct Session {
    fs: SimFs,
    points: Arc<Points>,
    /// Tasks and jobs take other turns than their own.
    shuffles: bool,
    begun: Arc<Mutex<BTreeMap<String, u64>>>,
    made_up: Arc<Mutex<BTreeSet<String>>>,
}

/// The points that a life has come to.
#[derive(Debug)]
pub(super) struct Points {
    every_change: bool,
    state: Mutex<State>,
    died: Notify,
}

#[derive(Debug)]
struct State {
    random: Random,
    course: Vec<String>,
    dies_at: Option<usize>,
    dead: bool,
}

impl Points {
    pub(super) fn new(random: Random, dies_at: Option<usize>, every_change: bool) -> Self {
        Self {
            every_change,
            state: Mutex::new(State {
                random,
                course: Vec::new(),
                dies_at,
                dead: false,
            }),
            died: Notify::new(),
        }
    }

    /// Waits for the death.
    pub(super) async fn death(&self) {
        self.died.notified().await;
    }

    pub(super) fn course(&self) -> Vec<String> {
        self.state.lock().course.clone()
    }

    /// Has come to a point. Whether that is where it dies.
    fn pass(&self, point: String) -> bool {
        let mut state = self.state.lock();
        if state.dead {
            return false;
        }
        state.course.push(point);
        state.dead = state.dies_at == Some(state.course.len());
        if state.dead {
            self.died.notify_one();
        }
        state.dead
    }
}

impl Session {
    pub(super) fn new(
        fs: &SimFs,
        points: &Arc<Points>,
        shuffles: bool,
        begun: &Arc<Mutex<BTreeMap<String, u64>>>,
        made_up: &Arc<Mutex<BTreeSet<String>>>,
    ) -> Self {
        fs.watch(Arc::clone(points) as Arc<dyn Watch>);
        Self {
            fs: fs.clone(),
            points: Arc::clone(points),
            shuffles,
            begun: Arc::clone(begun),
            made_up: Arc::clone(made_up),
        }
    }
}

impl Probe for Session {
    fn at(&self, boundary: Boundary, namespace: &str, node: &str, task: &str) -> u32 {
        if self.is_dead() {
            return 0;
        }
        let path = path_of(namespace, node);
        self.made_up.lock().insert(task.to_owned());
        let point = match boundary {
            Boundary::Before => format!("before node `{path}` begins"),
            Boundary::After => format!("after node `{path}` has returned, before that is saved"),
        };
        if self.points.pass(point) {
            self.fs.stop();
            return 0;
        }
        if boundary == Boundary::Before {
            *self.begun.lock().entry(path).or_default() += 1;
        }
        if !self.shuffles {
            return 0;
        }
        let (works, others) = {
            let random = &mut self.points.state.lock().random;
            (random.one_in(3), random.below(4))
        };
        if works {
            self.fs.work();
        }
        u32::try_from(others).unwrap_or_default()
    }

    fn is_dead(&self) -> bool {
        self.points.state.lock().dead
    }

    fn unique(&self) -> Uuid {
        let random = &mut self.points.state.lock().random;
        let bits = u128::from(random.number()) << 64 | u128::from(random.number());
        let unique = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
        self.made_up.lock().insert(unique.to_string());
        unique
    }
}

impl Watch for Points {
    fn changed(&self, call: &'static str, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().display().to_string();
        // It may still go by the name under which it was made.
        let is_log = name.contains(".seg");
        let is_commit = is_log && ["write_at", "sync_data"].contains(&call);
        if !is_commit && !self.every_change {
            return false;
        }
        self.pass(match (is_commit, call) {
            (true, "write_at") => "after a write of the log".to_owned(),
            (true, _) => "after a sync of the log".to_owned(),
            (false, call) => format!("after `{call}` of {name}"),
        })
    }
}

/// A node within the graphs that it is in, without the ids of their tasks.
fn path_of(namespace: &str, node: &str) -> String {
    let levels = namespace.split('|').filter_map(|of| of.split(':').next());
    let mut path: Vec<_> = levels.filter(|level| !level.is_empty()).collect();
    path.push(node);
    path.join("/")
}
