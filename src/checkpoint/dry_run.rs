//! What would go of threads, one after the other, and what comes back then. It must never know where values are stored.

use std::collections::HashMap;
use std::sync::Arc;

use crate::checkpoint::pruning::Due;
use crate::checkpoint::{CheckpointError, PruneReport};
use crate::db::Returned;
use crate::index::{Key, Lost, Row, Rows, Snapshot, Tables, TablesError, Thread};

/// A thread that something goes of.
pub(crate) struct Going<'g, H, T> {
    /// The rows before it goes, but after what goes of threads in front of it.
    pub(crate) snapshot: &'g Snapshot<H, T>,
    pub(crate) thread: &'g Thread,
    pub(crate) due: &'g Due<H>,
    /// The records that nobody can look up any more then.
    pub(crate) lost: &'g Lost,
    /// Threads that may have values of the records that go.
    others: Vec<Thread>,
}

impl<H: Clone, T: Rows<Key, Row<H>>> Going<'_, H, T> {
    /// Gives the values that stay to `with`, and the LSNs of the records that keep them, if there are such: those of the thread, and of
    /// others that have some of the records that go.
    pub(crate) fn staying(&self, mut with: impl FnMut(Option<u64>, &H)) -> Result<(), TablesError> {
        for thread in self.others.iter().chain([self.thread]) {
            self.snapshot.each_value(thread, &mut |lsn, value| {
                if !self.lost.has(lsn) {
                    with(Some(lsn), value);
                }
            })?;
        }
        if let Due::Prune(plan) = self.due {
            let survivors = plan.survivors.iter();
            let values = survivors.flat_map(|survivor| survivor.entry.values());
            values.for_each(|value| with(None, value));
        }
        Ok(())
    }
}

/// What would go of one thread or all of them. `due` says what is due, and `freed` what comes back then. Threads go one after the
/// other, so that what several have inherited goes with the last.
pub(crate) fn dry_run<H: Clone, T: Tables<Key, Row<H>> + Clone>(
    mut snapshot: Snapshot<H, T>,
    only: Option<&str>,
    mut due: impl FnMut(&Snapshot<H, T>, &Thread) -> Result<Due<H>, TablesError>,
    mut freed: impl FnMut(&Going<'_, H, T>) -> Result<Returned, CheckpointError>,
) -> Result<PruneReport, CheckpointError> {
    let mut report = PruneReport::default();
    let mut families = Families::default();
    let mut next = match only {
        Some(name) => snapshot.thread(name)?,
        None => snapshot.next_thread(None)?,
    };
    while let Some(thread) = next {
        let due = due(&snapshot, &thread)?;
        let mut after = snapshot.clone();
        let lost = match &due {
            Due::Nothing => None,
            Due::Delete => Some(after.delete(&thread)?),
            Due::Prune(plan) => Some(after.prune(&thread, plan)?),
        };
        if let Some(lost) = lost {
            let lost = Lost::new(lost);
            let others = families.others(&snapshot, &thread, &lost)?;
            let (snapshot, thread, due, lost) = (&snapshot, &thread, &due, &lost);
            let returned = freed(&Going {
                snapshot,
                thread,
                due,
                lost,
                others,
            })?;
            report.add(due.report(thread, returned));
        }
        snapshot = after;
        next = match only {
            Some(_) => None,
            None => snapshot.next_thread(Some(&thread.name))?,
        };
    }
    Ok(report)
}

/// The names of threads that have inherited something, by the oldest branch.
#[derive(Default)]
struct Families(Option<HashMap<u64, Vec<Arc<str>>>>);

impl Families {
    /// The other threads that may have values of the records that are lost with `thread`.
    fn others<H: Clone, T: Rows<Key, Row<H>>>(
        &mut self,
        snapshot: &Snapshot<H, T>,
        thread: &Thread,
        lost: &Lost,
    ) -> Result<Vec<Thread>, TablesError> {
        let own_from = snapshot.own_from(thread)?;
        let shares = lost.records().any(|record| record.lsn < own_from);
        let Some(oldest) = snapshot.oldest(thread)?.filter(|_| shares) else {
            return Ok(Vec::new());
        };
        let families = match &mut self.0 {
            Some(known) => known,
            None => self.0.insert(families(snapshot)?),
        };
        let mut others = Vec::new();
        for name in families.get(&oldest).into_iter().flatten() {
            if *name != thread.name {
                others.extend(snapshot.thread(name)?);
            }
        }
        Ok(others)
    }
}

fn families<H: Clone, T: Rows<Key, Row<H>>>(
    snapshot: &Snapshot<H, T>,
) -> Result<HashMap<u64, Vec<Arc<str>>>, TablesError> {
    let mut families: HashMap<_, Vec<_>> = HashMap::new();
    let mut next = snapshot.next_thread(None)?;
    while let Some(thread) = next {
        if let Some(oldest) = snapshot.oldest(&thread)? {
            families
                .entry(oldest)
                .or_default()
                .push(Arc::clone(&thread.name));
        }
        next = snapshot.next_thread(Some(&thread.name))?;
    }
    Ok(families)
}
