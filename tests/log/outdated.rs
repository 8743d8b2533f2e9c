//! What a compaction leaves counts only together with what was known when it was decided.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use stepwell::log::{CompactOptions, LogError, Lsn, ReadOnlyLog, SegmentId, Verdict, salvage};
use stepwell::vfs::OsFs;

use crate::compaction::compact;
use crate::support::*;

fn commit_some(log: &TestLog, count: u64) {
    for _ in 0..count {
        let number = log.next_lsn().get() - 1;
        commit(log, &payload(number));
    }
}

/// All segments but the one that is written to.
fn sealed(log: &TestLog) -> Vec<SegmentId> {
    let mut ids: Vec<_> = log.segments().iter().map(|segment| segment.id).collect();
    ids.pop();
    ids
}

fn is_kept(lsn: Lsn) -> bool {
    lsn.get().is_multiple_of(2)
}

/// Compacts all that is sealed, in runs of three segments, those at the end first.
fn compact_sealed(log: &TestLog) {
    for run in sealed(log).chunks(3).rev() {
        compact(log, run, &mut |at, _| match is_kept(at.lsn) {
            true => Verdict::Keep,
            false => Verdict::Drop,
        });
    }
}

/// The log, and the LSNs that were replayed. `meanwhile` is called with the first.
fn look(dir: &Path, mut meanwhile: impl FnMut()) -> Result<(ReadOnlyLog, Vec<Lsn>), LogError> {
    let mut lsns = Vec::new();
    let log = ReadOnlyLog::open(Arc::new(OsFs), dir, &mut |at, _, _| {
        if lsns.is_empty() {
            meanwhile();
        }
        lsns.push(at.lsn);
        Ok(())
    })?;
    Ok((log, lsns))
}

#[test]
fn whoever_looks_while_it_is_compacted_reads_on_to_what_that_counts_on() {
    let dir = scratch();
    let (log, _, _) = open(dir.path(), small_segments()).unwrap();
    commit_some(&log, 33);
    let (looked, lsns) = look(dir.path(), || {
        commit_some(&log, 30);
        compact_sealed(&log);
    })
    .unwrap();
    assert_eq!(looked.end(), log.next_lsn());
    let kept: Vec<_> = lsns.iter().copied().filter(|lsn| is_kept(*lsn)).collect();
    let all = (1..log.next_lsn().get()).map(Lsn::new);
    assert_eq!(kept, all.filter(|lsn| is_kept(*lsn)).collect::<Vec<_>>());
    assert!(lsns.is_sorted_by(|a, b| a < b));
    let report = looked.verify(&mut |_| ControlFlow::Continue(())).unwrap();
    assert!(report.damage.is_empty(), "{report:?}");
}

#[test]
fn a_log_that_was_compacted_since_it_was_looked_at_is_backed_up_as_it_is() {
    let (dir, to) = (scratch(), scratch());
    let (log, _, _) = open(dir.path(), small_segments()).unwrap();
    commit_some(&log, 33);
    let (looked, _) = look(dir.path(), || ()).unwrap();
    let then = looked.backup(&to.path().join("then"), &mut |_| ()).unwrap();
    assert_eq!(then.end, looked.end());
    commit_some(&log, 30);
    compact_sealed(&log);
    let now = looked.backup(&to.path().join("now"), &mut |_| ()).unwrap();
    assert_eq!(now.end, log.next_lsn());
    let backed_up = look(&to.path().join("now"), || ()).unwrap().1;
    assert_eq!(backed_up, look(dir.path(), || ()).unwrap().1);
    open(&to.path().join("now"), small_segments()).unwrap();
}

#[test]
fn a_log_that_lacks_what_a_compaction_knew_is_refused_and_can_be_salvaged() {
    let (dir, to) = (scratch(), scratch());
    let (log, _, _) = open(dir.path(), small_segments()).unwrap();
    commit_some(&log, 33);
    let before = to.path().join("before");
    log.backup(&before).unwrap();
    commit_some(&log, 30);
    let run = &sealed(&log)[..3];
    compact(&log, run, &mut |_, _| Verdict::Keep);
    let from = all_files(&dir.path().join("log"));
    let compacted = from.first_key_value().unwrap();
    let name = compacted.0.file_name().unwrap();
    std::fs::write(before.join("log").join(name), compacted.1).unwrap();

    for refused in [
        open(&before, small_segments()).map(drop),
        look(&before, || ()).map(drop),
    ] {
        let error = refused.unwrap_err();
        let LogError::Corrupt { lsns, .. } = &error else {
            panic!("{error}");
        };
        assert_eq!(*lsns, Lsn::new(34)..log.next_lsn());
    }
    let mut whole = 0;
    let report = salvage(Arc::new(OsFs), &before, &mut |_, _| {
        whole += 1;
        Ok(())
    });
    report.unwrap();
    assert_eq!(whole, 33);
}

#[test]
fn a_compaction_that_counts_on_what_may_be_lost_is_refused() {
    let dir = scratch();
    let (log, _, _) = open(dir.path(), small_segments()).unwrap();
    commit_some(&log, 33);
    let as_of = Lsn::new(log.next_lsn().get() + 1);
    let (pace, near) = (&mut |_| ControlFlow::Continue(()), &mut |_, _: &[u8]| 0);
    let options = CompactOptions { as_of, pace, near };
    let before = all_files(dir.path());
    let refused = log.compact(&sealed(&log), options, &mut |_, _| Verdict::Drop);
    assert!(matches!(refused, Err(LogError::NotCompactable { .. })));
    assert_eq!(all_files(dir.path()), before);
}
