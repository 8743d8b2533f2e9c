//! How bytes and time per step grow with a conversation.
//!
//! Many short conversations and one long one of as many steps together: if a step costs the same in both, the exponent is 1.

use std::time::Duration;

use stepwell::checkpoint::Checkpointer;

use crate::bench::{Bench, open, row, title};
use crate::files::disk_bytes;
use crate::stats::{Rounds, time, us};
use crate::workload::{Conversation, Encoding, Step};

/// So much may a database take, in times the bytes of its messages, before the long conversation is given up.
const TOO_MUCH: u64 = 50;
const TOO_MUCH_LEAST: u64 = 1 << 30;

/// Per step.
struct Cost {
    bytes: f64,
    us: f64,
    /// The part of `us` that comparing the new list with the old one takes.
    us_compare: f64,
}

pub(crate) fn measure(bench: &Bench) {
    let (few, many) = lengths(bench);
    title(&format!(
        "growth: {} conversations of {few} steps, and one of {many}",
        many / few
    ));
    for encoding in Encoding::ALL {
        compare_lengths(bench, encoding);
    }
}

fn lengths(bench: &Bench) -> (u32, u32) {
    bench.size((200, 10_000), (20, 200))
}

fn compare_lengths(bench: &Bench, encoding: Encoding) {
    let (few, many) = lengths(bench);
    let exponent = |long: f64, short: f64| 1.0 + (long / short).ln() / f64::from(many / few).ln();
    let [
        mut bytes,
        mut times,
        mut beside,
        mut shorts,
        mut longs,
        mut shares,
    ] = [(); 6].map(|()| Rounds::default());
    for round in 0..bench.size(3, 1) {
        let (short, long) = (
            talk(bench, encoding, round, many / few, few),
            talk(bench, encoding, round, 1, many),
        );
        let (Ok(short), Ok(long)) = (&short, &long) else {
            let at = short.err().or(long.err()).unwrap_or_default();
            row(
                encoding.name(),
                format!("more than {TOO_MUCH} times the messages at step {at}: given up"),
            );
            return;
        };
        bytes.add(exponent(long.bytes, short.bytes));
        times.add(exponent(long.us, short.us));
        beside.add(exponent(
            long.us - long.us_compare,
            short.us - short.us_compare,
        ));
        shorts.add(short.us);
        longs.add(long.us);
        shares.add(long.us_compare / long.us * 100.0);
    }
    let name = encoding.name();
    row(format!("{name}: exponent of bytes"), bytes.show(""));
    row(format!("{name}: exponent of time"), times.show(""));
    row(
        "  us per step, short and long",
        format!("{}, {}", shorts.show(""), longs.show("")),
    );
    row(
        "  share of comparing the lists once, long",
        shares.show(" %"),
    );
    row("  exponent of time without that", beside.show(""));
}

/// What a step costs; or at which one it was given up.
fn talk(
    bench: &Bench,
    encoding: Encoding,
    seed: u64,
    threads: u32,
    steps: u32,
) -> Result<Cost, u32> {
    let dir = bench.temp_dir();
    let db = open(&dir);
    let saver = db.checkpointer();
    let (mut putting, mut comparing) = (Duration::ZERO, Duration::ZERO);
    for thread in 0..threads {
        let mut conversation = Conversation::new(format!("thread-{thread}"), encoding, seed);
        saver.put(conversation.first()).wait().unwrap();
        let mut last = None;
        for number in 0..steps {
            let Step { writes, put } = conversation.step();
            let list = put.checkpoint.channel_values["messages"].clone();
            let (took, ()) = time(|| {
                drop(saver.put_writes(writes));
                saver.put(put).wait().unwrap();
            });
            putting += took;
            if let Some(last) = last.replace(list.clone()) {
                comparing += compare(last.bytes(), list.bytes());
            }
            let allowed = (conversation.message_bytes() as u64 * TOO_MUCH).max(TOO_MUCH_LEAST);
            if number % 100 == 99 && disk_bytes(dir.path()) > allowed {
                return Err(number + 1);
            }
        }
    }
    db.close().unwrap();
    let all = f64::from(threads * steps);
    Ok(Cost {
        bytes: disk_bytes(dir.path()) as f64 / all,
        us: us(putting) / all,
        us_compare: us(comparing) / all,
    })
}

/// How long it takes to see that `new` goes on where `old` ends, without their headers.
fn compare(old: &[u8], new: &[u8]) -> Duration {
    let (old, new) = (&old[3.min(old.len())..], &new[3.min(new.len())..]);
    let common = old.len().min(new.len());
    time(|| old[..common] == new[..common]).0
}
