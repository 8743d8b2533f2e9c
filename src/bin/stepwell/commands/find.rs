//! Finding the checkpoint that the user means.

use futures::StreamExt;
use stepwell::checkpoint::{
    CheckpointTuple, Checkpointer, ListQuery, Projection, Tag, ThreadInfo, ThreadOrder, ThreadQuery,
};
use stepwell::db::Db;

use crate::failure::Failure;

/// A thread, and a graph within it.
#[derive(clap::Args)]
pub(crate) struct Thread {
    /// The thread
    #[arg(long = "thread", value_name = "ID")]
    pub(crate) id: String,
    /// The subgraph's namespace
    #[arg(long, value_name = "NS", default_value = "", hide_default_value = true)]
    pub(crate) namespace: String,
}

impl Thread {
    /// The checkpoint that has `wanted` as its tag, or whose id begins with it, or without one the latest.
    pub(crate) async fn checkpoint(
        &self,
        db: &Db,
        wanted: Option<&str>,
    ) -> Result<CheckpointTuple, Failure> {
        let saver = db.checkpointer();
        if let Some(found) = saver.get(&self.id, &self.namespace, wanted).await? {
            return Ok(found);
        }
        let wanted = wanted.unwrap_or_default();
        let tags = saver.tags(&self.id).await?;
        let is_it = |tag: &&Tag| tag.name == wanted && tag.namespace == self.namespace;
        if let Some(tag) = tags.iter().find(is_it)
            && let Some(found) =
                (saver.get(&self.id, &self.namespace, Some(&tag.checkpoint_id))).await?
        {
            return Ok(found);
        }
        let mut all = saver.list(ListQuery {
            projection: Projection::metadata_only(),
            ..ListQuery::of(&self.id, &self.namespace)
        });
        let mut any = false;
        let mut matching = 0;
        let mut last = None;
        while let Some(found) = all.next().await {
            let found = found?;
            any = true;
            if found.checkpoint.id.starts_with(wanted) {
                matching += 1;
                last = Some(found);
            }
        }
        match last {
            Some(found) if matching == 1 => {
                let id = Some(found.checkpoint.id.as_str());
                let whole = saver.get(&self.id, &self.namespace, id).await?;
                whole.ok_or_else(|| self.no_checkpoint(db, wanted))
            }
            Some(_) => Err(Failure::usage(format!(
                "{matching} checkpoints begin with `{wanted}`; give more of the id"
            ))),
            None if any => Err(self.no_checkpoint(db, wanted)),
            None if self.namespace.is_empty() => {
                require(db, &self.id).await?;
                Err(Failure::usage(format!(
                    "thread `{}` has checkpoints of subgraphs only; `stepwell history` lists them, and --namespace \
                     names one",
                    self.id
                )))
            }
            None => Err(Failure::usage(format!(
                "thread `{}` has no subgraph `{}`; `stepwell history` lists those that it has",
                self.id, self.namespace
            ))),
        }
    }

    fn no_checkpoint(&self, db: &Db, wanted: &str) -> Failure {
        let thread = &self.id;
        Failure::usage(format!(
            "thread `{thread}` has no checkpoint `{wanted}`; `stepwell history --db {} --thread \
             {thread}` lists those that it has",
            db.path().display()
        ))
    }
}

/// A thread that must be there.
pub(crate) async fn require(db: &Db, thread: &str) -> Result<ThreadInfo, Failure> {
    let query = ThreadQuery {
        prefix: thread.to_owned(),
        order: ThreadOrder::Name,
        limit: Some(1),
        ..ThreadQuery::default()
    };
    let found = db.checkpointer().list_threads(query).await?;
    let found = found.into_iter().find(|found| found.thread == thread);
    found.ok_or_else(|| unknown(thread, db))
}

/// The failure for a thread that is not there.
pub(crate) fn unknown(thread: &str, db: &Db) -> Failure {
    Failure::usage(format!(
        "there is no thread `{thread}` in `{db}`; `stepwell threads --db {db}` lists those that are",
        db = db.path().display()
    ))
}
