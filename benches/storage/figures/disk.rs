//! What a conversation takes on disk, against the bytes of its messages.

use stepwell::checkpoint::Checkpointer;

use crate::bench::{Bench, open, row, title};
use crate::files::disk_bytes;
use crate::stats::{mib, short, time, us};
use crate::workload::{Conversation, Encoding};

pub(crate) fn measure(bench: &Bench) {
    let steps = bench.size(1_000, 100);
    title(&format!(
        "disk: a conversation of {steps} steps, closed; blocks of all files"
    ));
    for encoding in Encoding::ALL {
        let dir = bench.temp_dir();
        let db = open(&dir);
        let mut conversation = Conversation::new("thread", encoding, 1);
        put_steps(&db.checkpointer(), &mut conversation, steps);
        db.close().unwrap();
        let messages = conversation.message_bytes() as u64;
        let show = |what: &str| {
            let disk = disk_bytes(dir.path());
            row(
                format!("{}: {what}", encoding.name()),
                format!(
                    "{} MiB, {} times",
                    short(mib(disk)),
                    short(disk as f64 / messages as f64)
                ),
            );
        };
        show(&format!("{:.0} KiB of messages", mib(messages) * 1024.0));
        let db = open(&dir);
        let (took, report) = time(|| db.compact().unwrap());
        assert!(!report.incomplete);
        db.close().unwrap();
        show(&format!("compacted, in {} ms", short(us(took) / 1e3)));
    }
}

/// Puts the input of a conversation and `steps` super-steps.
pub(super) fn put_steps(saver: &impl Checkpointer, conversation: &mut Conversation, steps: u32) {
    saver.put(conversation.first()).wait().unwrap();
    for _ in 0..steps {
        let step = conversation.step();
        drop(saver.put_writes(step.writes));
        saver.put(step.put).wait().unwrap();
    }
}
