//! [`Evidence`]: what the journal says about who ran what, set against what the database held after the kill.

use std::collections::{BTreeMap, BTreeSet};

use super::journal::{Event, Line};

/// What the journal says about who ran what.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Evidence {
    /// All tasks that there were to run.
    pub(super) tasks: usize,
    /// Those that finished exactly once.
    pub(super) once: usize,
    /// Those that had finished, with their results acknowledged, before the kill, and how many of them ran
    /// again.
    pub(super) saved: usize,
    pub(super) saved_again: usize,
    /// Those whose results the kill came between finish and acknowledgement of, and how many ran again.
    pub(super) unsaved: usize,
    pub(super) unsaved_again: usize,
    /// Those that were running when their process was killed, and how many were started again.
    pub(super) in_flight: usize,
    pub(super) in_flight_again: usize,
    /// Those that only a later process has started.
    pub(super) later: usize,
    /// Those that did not finish, whose acknowledged result was lost, or that ran again although nothing
    /// entitled them to.
    pub(super) wrong: usize,
}

impl Evidence {
    /// Reads `journal`: the process `killed` was killed, and the database then `held` these tasks' results.
    pub(super) fn read(journal: &[Line], killed: u32, held: &BTreeSet<String>) -> Self {
        let mut tasks: BTreeMap<&str, Task> = BTreeMap::new();
        let mut passes: BTreeMap<u64, usize> = BTreeMap::new();
        for line in journal {
            passes.extend(line.work.iter().map(|work| (work.pass, work.of)));
            let task = tasks.entry(&line.task).or_default();
            let process = if line.pid == killed {
                &mut task.killed
            } else {
                &mut task.later
            };
            *match line.event {
                Event::Start => &mut process.started,
                Event::Finish => &mut process.finished,
                Event::Saved => &mut process.saved,
            } += 1;
        }
        let mut evidence = Self {
            tasks: passes.values().sum(),
            ..Self::default()
        };
        // A task that the journal has never heard of has not finished.
        let missing = evidence.tasks.abs_diff(tasks.len());
        let unheard_of = held.iter().filter(|id| !tasks.contains_key(id.as_str()));
        evidence.wrong = missing + unheard_of.count();
        for (id, task) in &tasks {
            evidence.count(task, held.contains(*id));
        }
        evidence
    }

    fn count(&mut self, task: &Task, held: bool) {
        let Task { killed, later } = task;
        let again = usize::from(later.started > 0);
        let never_again = later.started == 0 && killed.finished == 1;
        let right = if killed.saved > 0 {
            self.saved += 1;
            self.saved_again += again;
            held && never_again
        } else if killed.finished > 0 {
            self.unsaved += 1;
            self.unsaved_again += again;
            // The database may have the result without having said so.
            if held {
                never_again
            } else {
                later.finished == 1
            }
        } else if killed.started > 0 {
            self.in_flight += 1;
            self.in_flight_again += again;
            !held && later.finished == 1
        } else {
            self.later += 1;
            !held && later.started == 1 && later.finished == 1
        };
        self.once += usize::from(killed.finished + later.finished == 1);
        self.wrong += usize::from(!right);
    }

    /// Whether every task finished, and none again whose result had been acknowledged.
    pub(super) fn holds(&self) -> bool {
        self.wrong == 0 && self.saved_again == 0
    }
}

/// What the process that was killed did to a task, and what later ones did.
#[derive(Default)]
struct Task {
    killed: Times,
    later: Times,
}

/// How often something happened to a task.
#[derive(Default)]
struct Times {
    started: usize,
    finished: usize,
    saved: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::journal::Work;

    const KILLED: u32 = 1;
    const LATER: u32 = 2;

    fn line(pid: u32, event: Event, task: &str) -> Line {
        let work = Work {
            pass: 1,
            of: 3,
            file: String::new(),
        };
        Line {
            at: 0,
            pid,
            event,
            task: task.into(),
            work: (event != Event::Saved).then_some(work),
        }
    }

    /// `a` is finished and saved, `b` is in flight at the kill, `c` comes later.
    fn journal() -> Vec<Line> {
        use Event::{Finish, Saved, Start};
        [
            (KILLED, Start, "a"),
            (KILLED, Finish, "a"),
            (KILLED, Saved, "a"),
            (KILLED, Start, "b"),
            (LATER, Start, "b"),
            (LATER, Finish, "b"),
            (LATER, Saved, "b"),
            (LATER, Start, "c"),
            (LATER, Finish, "c"),
            (LATER, Saved, "c"),
        ]
        .map(|(pid, event, task)| line(pid, event, task))
        .into()
    }

    fn held() -> BTreeSet<String> {
        BTreeSet::from(["a".into()])
    }

    #[test]
    fn a_run_that_carries_on_holds() {
        let evidence = Evidence::read(&journal(), KILLED, &held());
        assert!(evidence.holds(), "{evidence:?}");
        assert_eq!((evidence.tasks, evidence.once, evidence.saved), (3, 3, 1));
        assert_eq!((evidence.in_flight, evidence.in_flight_again), (1, 1));
        assert_eq!((evidence.unsaved, evidence.later), (0, 1));
    }

    #[test]
    fn a_saved_task_that_runs_again_does_not_hold() {
        let mut journal = journal();
        journal.push(line(LATER, Event::Start, "a"));
        assert!(!Evidence::read(&journal, KILLED, &held()).holds());
    }

    #[test]
    fn an_acknowledged_result_that_the_database_lost_does_not_hold() {
        let mut journal = journal();
        assert!(!Evidence::read(&journal, KILLED, &BTreeSet::new()).holds());
        journal.push(line(LATER, Event::Start, "a"));
        journal.push(line(LATER, Event::Finish, "a"));
        assert!(!Evidence::read(&journal, KILLED, &BTreeSet::new()).holds());
    }

    #[test]
    fn a_task_that_never_finishes_does_not_hold() {
        let finish = |line: &Line| line.event == Event::Finish && line.task == "c";
        let mut journal = journal();
        journal.retain(|line| !finish(line));
        assert!(!Evidence::read(&journal, KILLED, &held()).holds());
        journal.retain(|line| line.task != "c");
        assert!(!Evidence::read(&journal, KILLED, &held()).holds());
    }

    #[test]
    fn a_task_whose_result_was_not_acknowledged_may_finish_twice() {
        let mut journal = journal();
        journal.retain(|line| line.event != Event::Saved);
        // The database has it all the same.
        assert!(Evidence::read(&journal, KILLED, &held()).holds());
        journal.push(line(LATER, Event::Start, "a"));
        journal.push(line(LATER, Event::Finish, "a"));
        assert!(!Evidence::read(&journal, KILLED, &held()).holds());
        // It does not.
        let evidence = Evidence::read(&journal, KILLED, &BTreeSet::new());
        assert!(evidence.holds(), "{evidence:?}");
        assert_eq!((evidence.unsaved, evidence.unsaved_again), (1, 1));
        assert_eq!(evidence.once, 2);
    }
}
