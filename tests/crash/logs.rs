//! The log alone, with frames of one length, so that what is at an offset in one segment fits into another.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use stepwell::log::{Durability, Log, LogOptions, ReplayFrom};
use stepwell::testing::{Faults, Random, SimFs, Survival};

/// Opens a log; the payloads in it.
fn open(fs: &SimFs, options: LogOptions) -> Result<(Log<()>, Vec<Vec<u8>>), String> {
    let mut payloads = Vec::new();
    let log = Log::open(
        Arc::new(fs.clone()),
        Path::new("/log"),
        options,
        ReplayFrom::Beginning,
        &mut |_, payload| {
            payloads.push(payload.to_vec());
            Ok(())
        },
        Arc::new(()),
    );
    let (log, _) = log.map_err(|error| format!("{error:?}"))?;
    Ok((log, payloads))
}

/// A segment whose frames were cut is made again under its name, and gets back the blocks that it had: nothing of what was cut comes
/// back to life.
pub(crate) fn recycle() {
    let options = LogOptions {
        durability: Durability::Os,
        ..LogOptions::default()
    };
    let path = Path::new("/log/log/00000000000000000001.seg");
    let commit = |log: &Log<()>, byte| {
        let ticket = log.submit(1, &[byte; 100], (), None).unwrap();
        ticket.wait().unwrap();
    };
    let fs = SimFs::new(1);
    let (log, _) = open(&fs, options).unwrap();
    assert_eq!(fs.moment().pending(), 0);
    for byte in 1..=3 {
        commit(&log, byte);
    }
    // Not the first.
    let cut = fs.moment().power_cut(&Survival::Chosen(0b110));
    let mut before = Vec::new();
    cut.damage(path, |bytes| before.clone_from(bytes)).unwrap();
    let (log, found) = open(&cut, options).unwrap();
    assert!(found.is_empty());
    commit(&log, 4);
    log.sync().unwrap();
    commit(&log, 5);
    let cut = cut.moment().power_cut(&Survival::Nothing);
    // In the place of what was written and not synced there may be anything.
    cut.damage(path, |bytes| {
        let end = before.len().min(bytes.len());
        let second = 96 + 144..end;
        bytes[second.clone()].copy_from_slice(&before[second]);
    })
    .unwrap();
    let (_, found) = open(&cut, options).unwrap();
    assert_eq!(found, [[4; 100]]);
}

#[test]
fn frames_of_a_former_segment_do_not_come_back() {
    recycle();
}

/// What there is of a log.
struct Written {
    /// All payloads, in order.
    payloads: Vec<Vec<u8>>,
    /// So many must be there if the process is killed, or the power goes.
    acknowledged: usize,
    durable: usize,
}

/// Commits some frames together. Whether that succeeded.
fn commit(
    log: &Log<()>,
    written: &mut Written,
    payloads: impl Iterator<Item = Vec<u8>>,
    syncs: bool,
) -> bool {
    let mut tickets = Vec::new();
    for payload in payloads {
        match log.submit(1, &payload, (), None) {
            Ok(ticket) => tickets.push(ticket),
            Err(_) => return false,
        }
        written.payloads.push(payload);
    }
    if tickets.pop().is_some_and(|last| last.wait().is_err()) {
        return false;
    }
    written.acknowledged = written.payloads.len();
    if syncs {
        written.durable = written.acknowledged;
    }
    true
}

/// Commits and crashes.
pub(crate) fn run(seed: u64) {
    let mut random = Random::new(seed);
    let durabilities = [
        Durability::Sync,
        Durability::Sync,
        Durability::Interval(Duration::from_millis(5)),
        Durability::Os,
    ];
    let durability = *random.pick(&durabilities).unwrap();
    let options = LogOptions {
        segment_bytes: *random.pick(&[512, 1024, 65_536]).unwrap(),
        durability,
    };
    let len = *random.pick(&[8, 24, 472]).unwrap();
    let mut fs = SimFs::new(random.number());
    let mut payloads: Vec<Vec<u8>> = Vec::new();
    let mut made = 0_u64;
    for _ in 0..3 + random.below(5) {
        let (log, found) = open(&fs, options).unwrap();
        assert_eq!(found, payloads, "what was recovered is durable");
        let mut written = Written {
            payloads,
            acknowledged: found.len(),
            durable: found.len(),
        };
        if random.one_in(3) {
            fs.set_faults(Faults {
                syncs: 6,
                writes: 20,
                short: 10,
                interrupted: 10,
                ..Faults::default()
            });
        }
        fs.keep_moments();
        let mut before = (written.acknowledged, written.durable);
        let mut moments = Vec::new();
        for _ in 0..random.below(16) {
            before = (written.acknowledged, written.durable);
            let frames = (0..=random.below(3)).map(|_| {
                made += 1;
                let mut payload = made.to_le_bytes().to_vec();
                payload.resize(len, u8::try_from(made % 251).unwrap());
                payload
            });
            let frames: Vec<_> = frames.collect();
            let syncs = durability == Durability::Sync;
            let goes_on = commit(&log, &mut written, frames.into_iter(), syncs);
            if random.one_in(4) {
                fs.work();
                fs.advance(Duration::from_secs(2));
                fs.work();
            }
            if random.one_in(6) && log.sync().is_ok() {
                written.durable = written.payloads.len();
            }
            moments = fs.take_moments();
            if !goes_on || random.one_in(8) {
                break;
            }
        }
        let moment = random
            .pick(&moments)
            .cloned()
            .unwrap_or_else(|| fs.moment());
        drop(log);
        let killed = random.one_in(3);
        let least = if killed { before.0 } else { before.1 };
        let image = match killed {
            true => moment.killed(),
            false => moment.power_cut(&Survival::Random(random.number())),
        };
        let (log, found) = open(&image, options).unwrap();
        assert!(
            found.len() >= least && written.payloads.starts_with(&found),
            "{} of {} frames are there, at least {least} must be",
            found.len(),
            written.payloads.len(),
        );
        payloads = found;
        fs = image.moment().power_cut(&Survival::Random(random.number()));
        drop(log);
    }
}

#[test]
fn a_log_keeps_what_it_acknowledged() {
    for seed in 0..100 {
        let run = std::panic::catch_unwind(|| run(seed));
        assert!(run.is_ok(), "seed {seed}");
    }
}

#[test]
fn what_a_failed_sync_has_dropped_is_written_again_however_much_it_is() {
    const FRAMES: usize = 3;
    let options = LogOptions {
        durability: Durability::Os,
        ..LogOptions::default()
    };
    let fs = SimFs::new(1);
    let (log, _) = open(&fs, options).unwrap();
    for byte in 0..FRAMES {
        let frame = vec![byte as u8 + 1; 1 << 20];
        log.submit(1, &frame, (), None).unwrap().wait().unwrap();
    }
    // Of what it was to write a part may be on the medium, and the rest counts as written.
    fs.set_faults(Faults {
        syncs: 1,
        ..Faults::default()
    });
    assert!(log.sync().is_err());
    drop(log);
    fs.set_faults(Faults::default());
    let (log, found) = open(&fs, options).unwrap();
    assert_eq!(found.len(), FRAMES);
    drop(log);
    let cut = fs.moment().power_cut(&Survival::Nothing);
    assert_eq!(open(&cut, options).unwrap().1, found);
}
