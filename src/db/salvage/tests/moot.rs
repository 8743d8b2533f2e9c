//! What nobody can miss is not named: it went later, and nothing else has it.

use super::*;
use crate::checkpoint::{Prune, PruneRule};
use crate::codec::{ItemDeleted, ItemHistorySet, ThreadDeleted};

impl Made {
    /// Three checkpoints from `first` on, and writes that have the value of the first.
    fn conversation(&mut self, thread: &str, first: u32) {
        self.checkpoint(thread, first, None, 1);
        self.checkpoint(thread, first + 1, Some(first), 2);
        self.checkpoint(thread, first + 2, Some(first + 1), 3);
        self.put_writes(thread, first + 2, self.alias(thread, first));
    }

    fn delete(&mut self, thread: &str) {
        self.submit(Record::ThreadDeleted(ThreadDeleted {
            thread: thread.into(),
            cutoff: id(99),
        }));
    }
}

fn salvaged(dir: &TempDir, lost: &[u64]) -> SalvageReport {
    let from = dir.path().join("from");
    for at in frames(&from) {
        if lost.contains(&at.lsn.get()) {
            let path = from.join("log").join(at.segment.to_string());
            let mut bytes = fs::read(&path).unwrap();
            bytes[usize::try_from(at.offset).unwrap() + 40] ^= 4;
            fs::write(&path, bytes).unwrap();
        }
    }
    let report = salvage(&from, dir.path().join("to")).unwrap();
    drop(verified(&dir.path().join("to")));
    report
}

#[test]
fn what_went_with_its_thread_is_not_missed_unless_that_was_copied() {
    let dir = TempDir::new().unwrap();
    let mut made = empty(&dir.path().join("from"), true);
    made.conversation("kept", 1);
    made.conversation("deleted", 11);
    made.conversation("copied", 21);
    made.submit(Record::ThreadCopied(ThreadCopied {
        source: "copied".into(),
        target: "copy".into(),
    }));
    made.delete("deleted");
    made.delete("copied");
    // What it loses after it was deleted is missed.
    made.conversation("again", 31);
    made.delete("again");
    made.conversation("again", 41);
    // A thread that has nothing but writes is not there without them.
    made.put_writes("early", 50, made.alias("kept", 1));
    let lost = [1, 11, 21, 31, 41].map(|n| made.put[&n]);
    drop(made);

    let report = salvaged(&dir, &lost);
    assert_eq!(report.lost_records.len(), 5);
    let named = |thread: &str| {
        let values = report.lost_values.iter();
        let writes = report.lost_writes.iter();
        (
            values.filter(|lost| lost.thread == thread).count(),
            writes.filter(|lost| lost.thread == thread).count(),
        )
    };
    let (values, writes) = named("kept");
    assert!(values >= 2 && writes == 1, "{report:?}");
    assert_eq!(named("copied"), (values, writes));
    assert_eq!(named("deleted"), (0, 0));
    assert_eq!(named("again"), (values, writes));
    assert!(!(report.lost_values.iter()).any(|lost| lost.checkpoint == id(32)));
    assert_eq!(named("early"), (0, 1));
}

#[test]
fn what_was_pruned_is_named_since_what_follows_it_may_lack_its_value() {
    let dir = TempDir::new().unwrap();
    let mut made = empty(&dir.path().join("from"), true);
    made.conversation("t", 1);
    let db = made.db.clone();
    let lost = made.put[&1];
    drop(made);
    let prune = Prune {
        thread: None,
        rule: PruneRule::KeepLast(1),
    };
    let saver = db.checkpointer();
    let pruned = saver.prune(prune);
    assert!(block_on(pruned).unwrap().checkpoints > 0);
    drop((saver, db));

    let report = salvaged(&dir, &[lost]);
    let lost = report.lost_values.iter();
    assert!(
        lost.clone().any(|lost| lost.checkpoint == id(2)),
        "{report:?}"
    );
}

#[test]
fn an_item_is_not_missed_that_was_put_again_or_removed_unless_its_past_is_kept() {
    let dir = TempDir::new().unwrap();
    let mut made = empty(&dir.path().join("from"), true);
    made.checkpoint("t", 1, None, 1);
    made.submit(Record::ItemHistorySet(ItemHistorySet {
        namespace: vec!["past".into()],
        since: Some(0),
        at: 0,
    }));
    let whole = || Stored::Whole(Encoded::new("json", "1"));
    for (namespace, key) in [
        ("a", "lost"),
        ("a", "again"),
        ("a", "removed"),
        ("past", "again"),
    ] {
        made.put_item(namespace, key, made.alias("t", 1), 1);
    }
    made.put_item("a", "again", whole(), 2);
    made.put_item("past", "again", whole(), 2);
    made.submit(Record::ItemDeleted(ItemDeleted {
        namespace: vec!["a".into()],
        key: "removed".into(),
        at: None,
    }));
    made.put_item("a", "twice", made.alias("t", 1), 1);
    made.put_item("a", "twice", whole(), 2);
    made.put_item("a", "twice", made.alias("t", 1), 3);
    let lost = made.put[&1];
    drop(made);

    let report = salvaged(&dir, &[lost]);
    let named: Vec<_> = (report.lost_items.iter())
        .map(|lost| (lost.namespace[0].as_str(), lost.key.as_str()))
        .collect();
    assert_eq!(named, [("a", "lost"), ("a", "twice"), ("past", "again")]);
}
