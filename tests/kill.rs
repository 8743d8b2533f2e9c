//! A process that runs a graph is killed again and again: what it was told is saved is there.
//!
//! A child process runs a graph and reports on a pipe what it was told is saved. It is killed at a
//! random moment; then the database must hold all that was reported, whole steps only, and the next
//! child must go on from there. `STEPWELL_KILL_SEED` repeats the moments of another run, and
//! `STEPWELL_KILL_ROUNDS` sets how many there are.

#[cfg(test)]
#[path = "kill/check.rs"]
mod check;
#[cfg(test)]
#[path = "kill/child.rs"]
mod child;
#[cfg(test)]
#[path = "kill/random.rs"]
mod random;
#[cfg(test)]
#[path = "kill/work.rs"]
mod work;

use std::time::Duration;

use check::Witness;
use random::Random;

/// Not a test of its own: the process that the test below kills.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    if let Some(task) = child::Task::of_this_process() {
        task.run_until_killed().await;
    }
}

#[tokio::test]
async fn whatever_was_acknowledged_survives_a_hundred_kills() {
    let rounds: u64 = random::from_env("STEPWELL_KILL_ROUNDS").unwrap_or(100);
    let mut random = Random::from_env_or_clock("STEPWELL_KILL_SEED");
    println!("STEPWELL_KILL_SEED={}", random.seed());
    let directory = tempfile::tempdir().unwrap();
    let mut witness = Witness::default();
    for round in 0..rounds {
        let delay = Duration::from_micros(random.below(200_000));
        let task = child::Task {
            directory: directory.path().join("kill.stepwell"),
            durability: ["sync", "interval", "os"][random.below(3) as usize].into(),
            index_bytes: [16 << 10, 64 << 20][random.below(2) as usize],
            thread: witness.thread(),
        };
        let lines = task.run_and_kill(delay).await;
        witness.hear(&lines);
        if random.below(2) == 0 {
            witness.check(&task.directory, round + 1 == rounds).await;
        } else {
            // The next child is to open what the killed one left, so only a copy is looked at.
            let copy = tempfile::tempdir().unwrap();
            let copied = copy.path().join("kill.stepwell");
            check::copy(&task.directory, &copied);
            witness.check(&copied, round + 1 == rounds).await;
        }
        assert!(
            witness.problems.is_empty(),
            "round {round}: {:#?}",
            witness.problems
        );
    }
    println!("{rounds} kills, {} acknowledgements", witness.acknowledged);
    assert!(
        witness.acknowledged > rounds,
        "the children hardly got anything done"
    );
}
