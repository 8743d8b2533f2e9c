//! [`Evidence`]: what the journal says about who ran what, set against what the database had saved.

use std::collections::{BTreeMap, BTreeSet};

use super::journal::{Event, Line};

/// What the journal says about who ran what.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// All tasks that there were to run.
    pub(super) tasks: usize,
    /// Those that finished exactly once.
    pub(super) once: usize,
    /// Those that the database held as finished after the kill, and how many of them ran again.
    pub(super) saved: usize,
    pub(super) saved_again: usize,
    /// Those that were running when their process was killed, and how many were started again.
    pub(super) in_flight: usize,
    pub(super) in_flight_again: usize,
    /// Those that had done their work by then, a moment too late for the database to know.
    pub(super) unsaved: usize,
    /// Those that only the second process has run.
    pub(super) later: usize,
    /// Those that did not finish, or finished again although nothing entitled them to.
    pub(super) wrong: usize,
}

impl Evidence {
    /// Reads `journal`: the process `killed` was killed, and the database then held `saved` as finished.
    pub(super) fn read(journal: &[Line], killed: u32, saved: &BTreeSet<String>) -> Self {
        let mut tasks: BTreeMap<&str, Task> = BTreeMap::new();
        let mut passes: BTreeMap<u64, usize> = BTreeMap::new();
        for line in journal {
            passes.insert(line.pass, line.of);
            let task = tasks.entry(&line.task).or_default();
            let counted = match (line.event, line.pid == killed) {
                (Event::Start, true) => &mut task.started_first,
                (Event::Finish, true) => &mut task.finished_first,
                (Event::Start, false) => &mut task.started_later,
                (Event::Finish, false) => &mut task.finished_later,
            };
            *counted += 1;
        }
        let mut evidence = Self {
            tasks: passes.values().sum(),
            saved: saved.len(),
            ..Self::default()
        };
        // A task that the journal has never heard of has not finished.
        evidence.wrong += evidence.tasks.saturating_sub(tasks.len());
        for (id, task) in &tasks {
            let finished = task.finished_first + task.finished_later;
            evidence.once += usize::from(finished == 1);
            let allowed = if saved.contains(*id) {
                evidence.saved_again += usize::from(task.started_later > 0);
                task.finished_first == 1 && task.started_later == 0
            } else if task.finished_first > 0 {
                evidence.unsaved += 1;
                task.finished_first == 1 && task.finished_later == 1
            } else if task.started_first > 0 {
                evidence.in_flight += 1;
                evidence.in_flight_again += usize::from(task.started_later > 0);
                task.finished_later == 1
            } else {
                evidence.later += 1;
                task.started_later == 1 && task.finished_later == 1
            };
            evidence.wrong += usize::from(!allowed);
        }
        let unheard_of = |id: &&String| !tasks.contains_key(id.as_str());
        evidence.wrong += saved.iter().filter(unheard_of).count();
        evidence
    }

    /// Whether every task finished, and none again that the database had as finished.
    pub(super) fn holds(&self) -> bool {
        self.wrong == 0 && self.saved_again == 0
    }
}

/// How often a task was started and finished by the process that was killed, and by later ones.
#[derive(Default)]
struct Task {
    started_first: usize,
    finished_first: usize,
    started_later: usize,
    finished_later: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(pid: u32, event: Event, task: &str) -> Line {
        Line {
            at: 0,
            pid,
            event,
            pass: 1,
            of: 3,
            task: task.into(),
        }
    }

    /// `a` finishes, `b` is in flight at the kill, `c` comes later.
    fn journal() -> Vec<Line> {
        use Event::{Finish, Start};
        [
            (1, Start, "a"),
            (1, Finish, "a"),
            (1, Start, "b"),
            (2, Start, "b"),
            (2, Finish, "b"),
            (2, Start, "c"),
            (2, Finish, "c"),
        ]
        .map(|(pid, event, task)| line(pid, event, task))
        .into()
    }

    #[test]
    fn a_run_that_carries_on_holds() {
        let evidence = Evidence::read(&journal(), 1, &BTreeSet::from(["a".into()]));
        assert!(evidence.holds(), "{evidence:?}");
        assert_eq!((evidence.tasks, evidence.once), (3, 3));
        assert_eq!((evidence.in_flight, evidence.in_flight_again), (1, 1));
    }

    #[test]
    fn a_saved_task_that_runs_again_does_not_hold() {
        let mut journal = journal();
        journal.push(line(2, Event::Start, "a"));
        assert!(!Evidence::read(&journal, 1, &BTreeSet::from(["a".into()])).holds());
    }

    #[test]
    fn a_task_that_never_finishes_does_not_hold() {
        let mut journal = journal();
        journal.pop();
        assert!(!Evidence::read(&journal, 1, &BTreeSet::from(["a".into()])).holds());
    }

    #[test]
    fn a_task_that_was_too_late_to_be_saved_may_finish_twice() {
        let mut journal = journal();
        journal.push(line(2, Event::Start, "a"));
        journal.push(line(2, Event::Finish, "a"));
        let evidence = Evidence::read(&journal, 1, &BTreeSet::new());
        assert!(evidence.holds());
        assert_eq!((evidence.unsaved, evidence.once), (1, 2));
    }
}
