//! [`SimFs`] as a file system, and what tests do with it.

mod file;
mod moment;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use self::file::SimFile;
pub use self::moment::Moment;
use super::faults::{Fate, Kind};
use super::host::SimHost;
use super::world::World;
use super::{Failing, Faults, Operation, Random};
use crate::vfs::{Host, LockError, OpenMode, Vfs, VfsFile, VfsLock};

/// The longest that an operation takes, in microseconds.
const SLOWEST: u64 = 200;

/// A file system in memory that keeps what is in the page cache and what is on the medium apart, and with it time, randomness and
/// background jobs, all of which follow from a seed. Clones are handles of the same.
///
/// Background threads do not exist here: what they do is done when somebody would have to wait for it, and at
/// [`work`](Self::work). So who calls it from a single thread gets the same run for the same seed.
#[derive(Clone, Debug)]
pub struct SimFs {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    host: SimHost,
    locks: Mutex<BTreeSet<PathBuf>>,
}

#[derive(Debug)]
struct State {
    world: World,
    seed: u64,
    random: Random,
    calls: u64,
    changes: u64,
    faults: Faults,
    failing: Option<Failing>,
    capacity: Option<u64>,
    trace: Option<Vec<Operation>>,
    moments: Option<Vec<Moment>>,
    watch: Option<Arc<dyn Watch>>,
    /// Since when all calls fail.
    stopped: Option<Moment>,
}

/// Who is told of changes.
pub(crate) trait Watch: std::fmt::Debug + Send + Sync {
    /// A call has changed something. Whether everything stops here: whoever called is told of an error, and so is
    /// everybody later. It must not call the file system.
    fn changed(&self, call: &'static str, path: &Path) -> bool;
}

/// What is done to the world by a call.
struct Call<'a> {
    kind: Kind,
    call: &'static str,
    path: &'a Arc<PathBuf>,
    offset: u64,
    len: u64,
    /// Whether it changes anything.
    changes: bool,
    /// The file that it may make longer.
    grows: Option<u64>,
}

/// What a call brings back.
struct Done<T> {
    value: T,
    bytes: u64,
    sum: u32,
}

impl<T> From<T> for Done<T> {
    fn from(value: T) -> Self {
        Self {
            value,
            bytes: 0,
            sum: 0,
        }
    }
}

impl SimFs {
    /// A file system with nothing in it but the directory `/`.
    pub fn new(seed: u64) -> Self {
        Self::of(World::new(), seed, Duration::ZERO)
    }

    fn of(world: World, seed: u64, time: Duration) -> Self {
        let state = State {
            world,
            seed,
            random: Random::new(seed),
            calls: 0,
            changes: 0,
            faults: Faults::default(),
            failing: None,
            capacity: None,
            trace: None,
            moments: None,
            watch: None,
            stopped: None,
        };
        Self {
            shared: Arc::new(Shared {
                state: Mutex::new(state),
                host: SimHost::new(!seed, time),
                locks: Mutex::default(),
            }),
        }
    }

    /// How many calls there were that might have failed.
    pub fn calls(&self) -> u64 {
        self.shared.state.lock().calls
    }

    /// How many of those changed something, or made it durable.
    pub fn changes(&self) -> u64 {
        self.shared.state.lock().changes
    }

    /// Everything as it is now.
    pub fn moment(&self) -> Moment {
        let state = self.shared.state.lock();
        self.moment_of(&state)
    }

    fn moment_of(&self, state: &State) -> Moment {
        Moment {
            world: state.world.clone(),
            seed: state.seed,
            time: self.shared.host.passed(),
            call: state.calls,
        }
    }

    /// Keeps a [`Moment`] after each call that changes something, until they are [taken](Self::take_moments).
    pub fn keep_moments(&self) {
        self.shared.state.lock().moments.get_or_insert_default();
    }

    /// The moments since they were taken last.
    pub fn take_moments(&self) -> Vec<Moment> {
        let mut state = self.shared.state.lock();
        state
            .moments
            .as_mut()
            .map(std::mem::take)
            .unwrap_or_default()
    }

    /// Keeps all calls from now on for [`trace`](Self::trace).
    pub fn keep_trace(&self) {
        self.shared.state.lock().trace.get_or_insert_default();
    }

    /// The calls since [`keep_trace`](Self::keep_trace).
    pub fn trace(&self) -> Vec<Operation> {
        self.shared.state.lock().trace.clone().unwrap_or_default()
    }

    /// What goes wrong by chance from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.shared.state.lock().faults = faults;
    }

    /// Which calls are to fail.
    pub fn fail(&self, failing: Option<Failing>) {
        self.shared.state.lock().failing = failing;
    }

    /// Has room for so many bytes in all files together.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.shared.state.lock().capacity = bytes;
    }

    /// How many bytes all files have together.
    pub fn bytes(&self) -> u64 {
        self.shared.state.lock().world.bytes()
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        self.shared.host.advance(time);
    }

    /// Has somebody told of changes.
    pub(crate) fn watch(&self, watch: Arc<dyn Watch>) {
        self.shared.state.lock().watch = Some(watch);
    }

    /// Fails all calls from now on, as there is nobody left who could make them.
    pub(crate) fn stop(&self) {
        let mut state = self.shared.state.lock();
        if state.stopped.is_none() {
            state.stopped = Some(self.moment_of(&state));
        }
    }

    /// The moment at which it was stopped, if it was.
    pub(crate) fn stopped(&self) -> Option<Moment> {
        self.shared.state.lock().stopped.clone()
    }

    /// Has all background jobs do what they have to do now.
    pub fn work(&self) {
        self.shared.host.work();
    }

    /// All files with their lengths, in order.
    pub fn files(&self) -> Vec<(PathBuf, u64)> {
        let state = self.shared.state.lock();
        let mut files = Vec::new();
        for (path, folder) in &state.world.folders {
            for (name, entry) in &folder.cache {
                let node = entry
                    .number()
                    .and_then(|number| state.world.nodes.get(&number));
                files.extend(node.map(|node| (path.join(name), node.cache.len())));
            }
        }
        files
    }

    /// Changes the bytes of a file on the medium and in the page cache, as decay or an accident would: not a call that fails or is
    /// counted.
    ///
    /// # Errors
    /// `NotFound` if there is no such file.
    pub fn damage(&self, path: &Path, with: impl FnOnce(&mut Vec<u8>)) -> io::Result<()> {
        let mut state = self.shared.state.lock();
        let number = state.world.file(path)?;
        let node = state.world.node(number)?;
        node.sync();
        let mut bytes = node.cache.slice(0..node.cache.len());
        with(&mut bytes);
        node.medium.resize(0);
        node.medium.write(0, &bytes);
        node.cache = node.medium.clone();
        Ok(())
    }

    /// Forgets what is in the page cache and is not on its way to the medium, so that it is read again.
    pub fn drop_caches(&self) {
        let mut state = self.shared.state.lock();
        let nodes = state.world.nodes.values_mut();
        for node in nodes.filter(|node| node.pending.is_empty()) {
            node.cache = node.medium.clone();
        }
    }

    fn call<T, D: Into<Done<T>>>(
        &self,
        call: &Call<'_>,
        with: impl FnOnce(&mut World, Fate, &mut Random) -> io::Result<D>,
    ) -> io::Result<T> {
        let mut state = self.shared.state.lock();
        let state = &mut *state;
        if state.stopped.is_some() {
            return Err(stopped());
        }
        state.calls += 1;
        state.changes += u64::from(call.changes);
        let slow = Duration::from_micros(1 + state.random.below(SLOWEST));
        self.shared.host.advance(slow);
        let failing = state.failing.filter(|failing| {
            let after = state.calls.checked_sub(failing.from);
            after.is_some_and(|after| after < failing.times)
        });
        let mut fate = match failing {
            Some(failing) => Fate::Fails(failing.kind),
            None => state.faults.fate(call.kind, &mut state.random),
        };
        if let Some(capacity) = state.capacity
            && let Some(number) = call.grows
        {
            let end = call.offset.saturating_add(call.len);
            let more = end.saturating_sub(state.world.node(number)?.cache.len());
            if more > 0 && state.world.bytes().saturating_add(more) > capacity {
                fate = Fate::Fails(io::ErrorKind::StorageFull);
            }
        }
        let outcome = with(&mut state.world, fate, &mut state.random).map(Into::into);
        if let Some(trace) = &mut state.trace {
            trace.push(Operation {
                number: state.calls,
                call: call.call,
                path: Arc::clone(call.path),
                offset: call.offset,
                len: outcome
                    .as_ref()
                    .map_or(call.len, |done| done.bytes.max(call.len)),
                sum: outcome.as_ref().map_or(0, |done| done.sum),
                error: outcome.as_ref().err().map(io::Error::kind),
            });
        }
        if call.changes && state.moments.is_some() {
            let moment = self.moment_of(state);
            state.moments.get_or_insert_default().push(moment);
        }
        let watch = state.watch.as_ref().filter(|_| call.changes);
        if watch.is_some_and(|watch| watch.changed(call.call, call.path)) {
            state.stopped = Some(self.moment_of(state));
            return Err(stopped());
        }
        outcome.map(|done| done.value)
    }

    /// A call that concerns names, and either fails or is done.
    fn names<T>(
        &self,
        call: &'static str,
        path: &Path,
        changes: bool,
        with: impl FnOnce(&mut World) -> io::Result<T>,
    ) -> io::Result<T> {
        let path = &Arc::new(path.to_path_buf());
        let call = Call {
            kind: Kind::Names,
            call,
            path,
            offset: 0,
            len: 0,
            changes,
            grows: None,
        };
        self.call(&call, |world, fate, _| match fate {
            Fate::Fails(kind) => Err(kind.into()),
            _ => with(world),
        })
    }
}

impl Vfs for SimFs {
    fn host(&self) -> &dyn Host {
        &self.shared.host
    }

    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.names("create_dir", path, true, |world| world.create_dir(path))
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<OsString>> {
        self.names("read_dir", path, false, |world| {
            Ok(world.folder(path)?.cache.keys().cloned().collect())
        })
    }

    fn open(&self, path: &Path, mode: OpenMode) -> io::Result<Arc<dyn VfsFile>> {
        let changes = mode == OpenMode::CreateNew;
        let number = self.names("open", path, changes, |world| world.open(path, mode))?;
        Ok(Arc::new(SimFile {
            fs: self.clone(),
            path: Arc::new(path.to_path_buf()),
            number,
            writes: mode != OpenMode::Read,
        }))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.names("rename", from, true, |world| world.rename(from, to))
    }

    fn hard_link(&self, file: &Path, name: &Path) -> io::Result<()> {
        self.names("hard_link", name, true, |world| world.link(file, name))
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.names("remove", path, true, |world| world.remove(path))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.names("sync_dir", path, true, |world| {
            world.folder(path)?.sync();
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> Result<Box<dyn VfsLock>, LockError> {
        self.names("lock", path, true, |world| match world.file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                world.open(path, OpenMode::CreateNew).map(drop)
            }
            found => found.map(drop),
        })?;
        if !self.shared.locks.lock().insert(path.to_path_buf()) {
            return Err(LockError::Held { holder: None });
        }
        Ok(Box::new(SimLock {
            fs: self.clone(),
            path: path.to_path_buf(),
        }))
    }
}

#[derive(Debug)]
struct SimLock {
    fs: SimFs,
    path: PathBuf,
}

impl VfsLock for SimLock {}

impl Drop for SimLock {
    fn drop(&mut self) {
        self.fs.shared.locks.lock().remove(&self.path);
    }
}

fn stopped() -> io::Error {
    io::Error::other("the process has been stopped by its test")
}
