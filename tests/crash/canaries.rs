//! Deliberate bugs are found: a proof that finds none proves nothing.

use std::panic::catch_unwind;

use stepwell::testing::Canary;

use crate::{logs, random};

/// Whether one of these runs fails while the thread has the bug.
fn finds(canary: Canary, run: fn(u64), seeds: u64) -> bool {
    Canary::sing(Some(canary));
    let found = (0..seeds).any(|seed| catch_unwind(|| run(seed)).is_err());
    Canary::sing(None);
    found
}

fn database(seed: u64) {
    random::run(seed);
}

#[test]
fn every_canary_is_found() {
    for canary in Canary::ALL {
        let found = match canary {
            // The log alone does not compact.
            Canary::SkippedPublishing => finds(canary, database, 500),
            _ => finds(canary, logs::run, 20_000),
        };
        assert!(found, "{canary:?}");
    }
}
