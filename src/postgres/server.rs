//! [`Postgres`]: a handle on a server, and the thread that talks to it.

use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::{Object, Pool, PoolError, TimeoutType};
use futures::channel::oneshot;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::Instant;

use crate::Leases;
use crate::postgres::jobs::{self, Job};
use crate::postgres::lease::Holder;
use crate::postgres::{PostgresError, PostgresOptions, PostgresSaver, PostgresStore, schema};
use crate::store::StoreOptions;

/// A handle on a PostgreSQL server. Clones share its connections.
///
/// A thread of its own, with a runtime, talks to the server, so what it gives out works from any thread, in any runtime or none.
#[derive(Clone)]
pub struct Postgres {
    pub(super) shared: Arc<Shared>,
}

pub(super) struct Shared {
    pub(super) pools: Pools,
    runtime: Handle,
    /// What is to be done in order. The runtime ends when it is closed and empty.
    jobs: UnboundedSender<Job>,
    pub(super) holder: Arc<Holder>,
    /// The threads that are run through this handle.
    pub(super) leases: Leases,
}

/// The connections.
#[derive(Clone)]
pub(super) struct Pools {
    main: Pool,
    lists: Pool,
    pub(super) options: Arc<PostgresOptions>,
}

/// How long it is waited before something is tried again.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

impl Postgres {
    /// Options that are usual.
    pub fn options() -> PostgresOptions {
        PostgresOptions::default()
    }

    /// A handle with usual options on the server at `address`, a URL (`postgresql://…`) or a list of `key=value`.
    ///
    /// # Errors
    /// [`PostgresError::Config`].
    pub fn connect(address: &str) -> Result<Self, PostgresError> {
        Self::options().connect(address)
    }

    pub(super) fn start(
        options: PostgresOptions,
        main: Pool,
        lists: Pool,
    ) -> Result<Self, PostgresError> {
        let failed = |error: std::io::Error| PostgresError::Config(error.to_string());
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .thread_name("stepwell-postgres")
            .enable_all()
            .build()
            .map_err(failed)?;
        let handle = runtime.handle().clone();
        let pools = Pools {
            main,
            lists,
            options: Arc::new(options),
        };
        let (jobs, queue) = unbounded_channel();
        let holder = Arc::new(Holder::new(pools.clone(), handle.clone()));
        let work = jobs::work(pools.clone(), Arc::clone(&holder), queue);
        std::thread::Builder::new()
            .name("stepwell-postgres-writer".to_owned())
            .spawn(move || runtime.block_on(work))
            .map_err(failed)?;
        let shared = Shared {
            pools,
            runtime: handle,
            jobs,
            holder,
            leases: Leases::new(),
        };
        Ok(Self {
            shared: Arc::new(shared),
        })
    }

    /// Makes the tables, or brings them up to date. Any number of processes may do so at once.
    ///
    /// # Errors
    /// What the server says.
    pub async fn setup(&self) -> Result<(), PostgresError> {
        self.shared
            .retried(|pools| async move {
                let mut client = pools.client().await?;
                schema::migrate(&mut client).await
            })
            .await
    }

    /// The checkpoints on this server.
    pub fn checkpointer(&self) -> PostgresSaver {
        PostgresSaver::new(Arc::clone(&self.shared))
    }

    /// The items on this server, with usual options.
    pub fn store(&self) -> PostgresStore {
        self.store_with(StoreOptions::default())
    }

    /// The items on this server, with what holds for items that say nothing themselves.
    pub fn store_with(&self, options: StoreOptions) -> PostgresStore {
        PostgresStore::new(Arc::clone(&self.shared), options)
    }
}

impl std::fmt::Debug for Postgres {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Postgres").finish_non_exhaustive()
    }
}

impl Pools {
    /// A connection for anything but a list.
    pub(super) async fn client(&self) -> Result<Object, PostgresError> {
        self.take(&self.main, None).await
    }

    /// A connection for a list. Without `patience` only one that is free, or can be made.
    pub(super) async fn list(&self, patience: bool) -> Result<Object, PostgresError> {
        self.take(&self.lists, (!patience).then_some(Duration::ZERO))
            .await
    }

    async fn take(&self, pool: &Pool, wait: Option<Duration>) -> Result<Object, PostgresError> {
        let mut timeouts = pool.timeouts();
        timeouts.wait = wait.or(timeouts.wait);
        let taken = pool.timeout_get(&timeouts).await;
        taken.map_err(|error| match error {
            PoolError::Backend(error) => PostgresError::from(error),
            PoolError::Timeout(TimeoutType::Wait) => PostgresError::PoolFull {
                connections: pool.status().max_size,
                waited: timeouts.wait.unwrap_or_default(),
            },
            other => PostgresError::Unavailable {
                reason: other.to_string(),
            },
        })
    }
}

impl Shared {
    /// Has something done after what was submitted before. `false` if that is not possible any more.
    pub(super) fn submit(&self, job: Job) -> bool {
        self.jobs.send(job).is_ok()
    }

    /// Runs `work` on the runtime of this handle, to its end even if nobody waits.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, PostgresError>> + Send + 'static,
    ) -> Result<T, PostgresError> {
        let (answer, answered) = oneshot::channel();
        self.runtime.spawn(async move {
            let _ = answer.send(work.await);
        });
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Runs what may be done twice, and does it again while the server cannot be reached, as long as the options say.
    pub(super) async fn retried<T, W, F>(&self, work: W) -> Result<T, PostgresError>
    where
        T: Send + 'static,
        W: Fn(Pools) -> F + Send + Sync + 'static,
        F: Future<Output = Result<T, PostgresError>> + Send,
    {
        let pools = self.pools.clone();
        self.run(async move {
            let end = Instant::now() + pools.options.retry;
            loop {
                match work(pools.clone()).await {
                    Err(error) if error.is_passing() && Instant::now() < end => {
                        tokio::time::sleep(PAUSE).await;
                    }
                    done => return done,
                }
            }
        })
        .await
    }

    pub(super) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(work);
    }
}

/// The thread that talks to the server has ended.
pub(super) fn ended() -> PostgresError {
    PostgresError::Unavailable {
        reason: "the thread that talks to it has ended".to_owned(),
    }
}
