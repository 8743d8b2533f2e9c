//! [`Holder`]: this process among those that run threads of one server.
//!
//! Who runs a thread is in the thread's row: a holder, until when, and a *token* that grows with each holder. Each write checks the token in the
//! transaction that it is made in, so a process that was stopped for so long that another one took its thread over cannot write any more,
//! whatever it believes.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};

use futures::FutureExt;
use futures::channel::oneshot;
use futures::future::BoxFuture;

use parking_lot::Mutex;
use tokio::runtime::Handle;

use crate::lease::{Beyond, Kept, Unknown};
use crate::postgres::PostgresError;
use crate::postgres::jobs::Job;
use crate::postgres::server::{PAUSE, Pools, Shared};
use crate::postgres::text::{escape, owned};
use crate::vfs::{Host, OsHost};

/// This process among those that run threads.
pub(super) struct Holder {
    /// What it is called in the tables.
    pub(super) id: String,
    /// The threads that it holds, escaped, and their tokens.
    held: Mutex<HashMap<String, i64>>,
    pools: Pools,
    runtime: Handle,
    beating: Mutex<bool>,
}

const TAKE: &str = "INSERT INTO stepwell_threads AS t (thread_id, holder, token, expires_at)
VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 second')
ON CONFLICT (thread_id) DO UPDATE
SET holder = EXCLUDED.holder, token = t.token + 1, expires_at = EXCLUDED.expires_at
WHERE t.holder IS NULL OR t.holder = EXCLUDED.holder OR t.expires_at < clock_timestamp()
RETURNING token";

const RENEW: &str = "UPDATE stepwell_threads
SET expires_at = clock_timestamp() + $3 * interval '1 second'
WHERE holder = $1 AND thread_id = ANY($2)";

pub(super) const RELEASE: &str = "UPDATE stepwell_threads SET holder = NULL, expires_at = NULL WHERE thread_id = $1 AND holder = $2 AND token = $3";

const BUSY: &str =
    "SELECT thread_id FROM stepwell_threads WHERE holder <> $1 AND expires_at >= clock_timestamp()";

impl Holder {
    pub(super) fn new(pools: Pools, runtime: Handle) -> Self {
        Self {
            id: OsHost.unique().to_string(),
            held: Mutex::default(),
            pools,
            runtime,
            beating: Mutex::new(false),
        }
    }

    /// The token under which this process holds a thread.
    pub(super) fn token(&self, thread: &str) -> Option<i64> {
        self.held.lock().get(thread).copied()
    }

    /// Takes a thread unless another process has it. Its token.
    pub(super) async fn take(self: &Arc<Self>, thread: &str) -> Result<Option<i64>, PostgresError> {
        let client = self.pools.client().await?;
        let statement = client.prepare_cached(TAKE).await?;
        let lease = self.pools.options.lease.as_secs_f64();
        let taken = client
            .query_opt(&statement, &[&thread, &self.id, &lease])
            .await?;
        let token = match taken {
            Some(row) => row.try_get(0)?,
            None => return Ok(None),
        };
        self.held.lock().insert(thread.to_owned(), token);
        self.beat();
        Ok(Some(token))
    }

    /// It is not held any more, as far as this process knows. What is to be written to the tables is `RELEASE`.
    pub(super) fn forget(&self, thread: &str, token: i64) {
        let mut held = self.held.lock();
        if held.get(thread) == Some(&token) {
            held.remove(thread);
        }
    }

    /// The threads that other processes hold, escaped.
    pub(super) async fn busy_elsewhere(&self) -> Result<Vec<String>, PostgresError> {
        let client = self.pools.client().await?;
        let rows = client.query(BUSY, &[&self.id]).await?;
        let names = rows.iter().map(|row| row.try_get(0));
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// Sees to it that the others hear of this process as long as it holds anything.
    fn beat(self: &Arc<Self>) {
        let mut beating = self.beating.lock();
        if *beating {
            return;
        }
        *beating = true;
        let holder = Arc::downgrade(self);
        let every = self.pools.options.lease / 3;
        self.runtime.spawn(async move {
            loop {
                tokio::time::sleep(every).await;
                let Some(holder) = holder.upgrade() else {
                    return;
                };
                {
                    let mut beating = holder.beating.lock();
                    if holder.held.lock().is_empty() {
                        *beating = false;
                        return;
                    }
                }
                if let Err(error) = holder.renew().await {
                    tracing::warn!(%error, "the leases of running threads were not renewed");
                }
            }
        });
    }

    async fn renew(&self) -> Result<(), PostgresError> {
        let threads: Vec<String> = self.held.lock().keys().cloned().collect();
        let client = self.pools.client().await?;
        let lease = self.pools.options.lease.as_secs_f64();
        client.execute(RENEW, &[&self.id, &threads, &lease]).await?;
        Ok(())
    }
}

/// The leases of this process on a server.
pub(super) struct OnServer(pub(super) Arc<Shared>);

impl std::fmt::Debug for OnServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OnServer")
    }
}

/// A thread that this process holds until this is dropped.
struct Holding {
    shared: Arc<Shared>,
    thread: String,
    token: i64,
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.shared.holder.forget(&self.thread, self.token);
        // Behind what was written under it.
        let thread = std::mem::take(&mut self.thread);
        self.shared.submit(Job::Release(thread, self.token));
    }
}

impl Beyond for OnServer {
    fn take(
        &self,
        thread: &str,
        patience: bool,
    ) -> BoxFuture<'static, Result<Option<Kept>, Unknown>> {
        let shared = Arc::clone(&self.0);
        let thread = escape(thread).into_owned();
        async move {
            let (answer, answered) = oneshot::channel();
            // Whoever waits may go away in the middle: what was taken by then is given back.
            shared.spawn(wait(Arc::downgrade(&shared), thread, patience, answer));
            let taken = answered
                .await
                .unwrap_or_else(|_| Err(super::server::ended()));
            taken.map_err(|error| Arc::new(error) as Unknown)
        }
        .boxed()
    }

    fn busy(&self) -> BoxFuture<'static, Result<HashSet<String>, Unknown>> {
        let shared = Arc::clone(&self.0);
        async move {
            let holder = Arc::clone(&shared.holder);
            let busy = shared.retried(move |_| {
                let holder = Arc::clone(&holder);
                async move { holder.busy_elsewhere().await }
            });
            let busy = busy.await.map_err(|error| Arc::new(error) as Unknown)?;
            Ok(busy.iter().map(|name| owned(name)).collect())
        }
        .boxed()
    }
}

async fn wait(
    shared: Weak<Shared>,
    thread: String,
    patience: bool,
    answer: oneshot::Sender<Result<Option<Kept>, PostgresError>>,
) {
    let mut tries = 0_u32;
    while let Some(shared) = shared.upgrade()
        && !answer.is_canceled()
    {
        let end = shared.pools.options.retry.as_millis() / PAUSE.as_millis().max(1);
        let outcome = match shared.holder.take(&thread).await {
            Ok(Some(token)) => Ok(Some(Box::new(Holding {
                shared,
                thread,
                token,
            }) as Kept)),
            Ok(None) if patience => {
                drop(shared);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) if error.is_passing() && u128::from(tries) < end => {
                tries += 1;
                drop(shared);
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let _ = answer.send(outcome);
        return;
    }
}
