//! What deltas cost and save: for each way in which a value changes, how many bytes the delta has, and how long it takes to
//! find, against copying the value and against storing it whole (copied, encoded and checked as a frame is).
//!
//! `cargo bench --bench delta`; `-- --smoke` is short.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it measured")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a benchmark stops at the first thing that is not as expected"
)]

use std::hint::black_box;
use std::time::Instant;

use bytes::Bytes;
use stepwell::delta::{Choice, Op, Rope, Tip, Weight, apply, diff, encoded_len, grown};

/// Text that is found nowhere else.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b"abcdefghijklmnopqrstuvwxyz      "[(state >> 40) as usize % 32]
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn message(seed: u64, length: usize) -> Vec<u8> {
    [
        br#"{"type":"ai","content":""#.as_slice(),
        &noise(seed, length),
        br#"","additional_kwargs":{},"response_metadata":{},"id":""#,
        &noise(seed + 1_000_000, 36),
        br#""}"#,
    ]
    .concat()
}

fn json(elements: &[Vec<u8>]) -> Bytes {
    [b"[".as_slice(), &elements.join(&b','), b"]"]
        .concat()
        .into()
}

fn msgpack(elements: &[Vec<u8>]) -> Bytes {
    let count = u32::try_from(elements.len()).unwrap().to_be_bytes();
    let header = match elements.len() {
        n @ 0..16 => vec![0x90 | n as u8],
        16..65_536 => [&[0xDC], &count[2..]].concat(),
        _ => [&[0xDD], &count[..]].concat(),
    };
    [header, elements.concat()].concat().into()
}

/// The median of `rounds` times, in nanoseconds.
fn time<T>(rounds: usize, mut run: impl FnMut() -> T) -> f64 {
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_secs_f64() * 1e9
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn case(name: &str, rounds: usize, base: &Bytes, new: &Bytes, sources: &[&[u8]]) {
    let mut buffer = vec![0_u8; new.len()];
    let copied = time(rounds, || buffer.copy_from_slice(black_box(new)));
    // Encoded into a payload that grows, checked, and copied into the log's buffer.
    let mut log = Vec::with_capacity(new.len() + 100);
    let whole = time(rounds, || {
        let mut payload = Vec::new();
        payload.extend_from_slice(&[0; 40]);
        payload.extend_from_slice(black_box(new));
        log.clear();
        log.extend_from_slice(&payload);
        crc32fast::hash(&payload)
    });
    let tried = time(rounds, || diff(black_box(base), black_box(new), sources));
    let ops = diff(base, new, sources);
    if let Some(ops) = &ops {
        let owned: Vec<Bytes> = sources.iter().map(|s| Bytes::copy_from_slice(s)).collect();
        assert_eq!(apply(base, &owned, ops, new.len() as u64).unwrap(), new);
    }
    let bytes = ops.map_or("none".to_owned(), |ops| encoded_len(&ops).to_string());
    println!(
        "{name:<44} {:>9} {bytes:>9} {tried:>11.0} {:>8.2} {:>8.2}",
        new.len(),
        tried / copied,
        tried / whole
    );
}

fn cases(rounds: usize, count: u64) {
    let elements: Vec<_> = (0..count).map(|seed| message(seed, 400)).collect();
    let middle = elements.len() / 2;
    let base = json(&elements);
    let written = message(count, 400);
    let edited = |edit: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut edited = elements.clone();
        edit(&mut edited);
        edited
    };
    let appended = edited(&|e| e.push(written.clone()));
    let run = |name: &str, new: &Bytes, sources: &[&[u8]]| {
        case(&format!("{name}, {count}"), rounds, &base, new, sources);
    };
    run("JSON list, appended", &json(&appended), &[]);
    run(
        "JSON list, appended from a source",
        &json(&appended),
        &[&written],
    );
    let name = format!("MessagePack list, appended, {count}");
    case(&name, rounds, &msgpack(&elements), &msgpack(&appended), &[]);
    run(
        "one field changed",
        &json(&edited(&|e| e[middle][40] = b'#')),
        &[],
    );
    let replaced = edited(&|e| e[middle] = written.clone());
    run("one element replaced", &json(&replaced), &[]);
    let inserted = edited(&|e| e.insert(middle, written.clone()));
    run("one element inserted", &json(&inserted), &[]);
    let removed = edited(&|e| drop(e.remove(middle)));
    run("one element removed", &json(&removed), &[]);
    let scattered = edited(&|e| {
        for at in 1..9 {
            e[at * middle / 5][40] = b'#';
        }
        e.remove(middle);
    });
    run("nine scattered changes", &json(&scattered), &[]);
    let others: Vec<_> = (0..count).map(|seed| message(seed + count, 400)).collect();
    run("other messages", &json(&others), &[]);
    let unrelated = Bytes::from(noise(77, base.len()));
    run("unrelated", &unrelated, &[]);
    run("unrelated, with a source", &unrelated, &[&written]);
}

/// A list grows by elements of `length` bytes: what its versions take, and what reading the last one takes.
fn growth(count: u64, length: usize) {
    let mut tip = Tip::new(Weight::whole(2));
    let (mut list_len, mut stored, mut deepest, mut wholes) = (2_u64, 2_u64, 0, 0);
    let mut chain: Vec<(Vec<Op>, u64)> = Vec::new();
    let mut run_at = 0;
    let mut whole = Bytes::from_static(b"[]");
    let start = Instant::now();
    for number in 0..count {
        let element = Bytes::from(noise(number, length));
        let ops = grown(list_len, number == 0, &[element], &[]);
        list_len = stepwell::delta::total_len(&ops);
        let (choice, next) = tip.next(list_len, Some(&ops), &[]);
        tip = next;
        match choice {
            Choice::OnParent => {
                stored += 40 + encoded_len(&ops);
                chain.push((ops, list_len));
            }
            Choice::OnRunBase(ops) => {
                stored += 40 + encoded_len(&ops);
                chain.truncate(run_at);
                chain.push((ops, list_len));
            }
            Choice::Whole => {
                stored += list_len;
                wholes += 1;
                chain.push((ops, list_len));
                whole = read(&whole, &chain);
                chain.clear();
            }
        }
        if tip.begins_run() {
            run_at = chain.len();
        }
        deepest = deepest.max(tip.weight().links);
    }
    let grew = start.elapsed().as_secs_f64() * 1e9 / count as f64;
    let reading = time(5, || read(&whole, &chain));
    println!(
        "{count:>7} x {length:<7} {list_len:>10} {:>8.2} {:>8.2} {deepest:>8} {wholes:>7} {grew:>10.0} {:>10.1}",
        stored as f64 / list_len as f64,
        tip.weight().cost as f64 / list_len as f64,
        reading / 1e3
    );
}

fn read(whole: &Bytes, chain: &[(Vec<Op>, u64)]) -> Bytes {
    let mut rope = Rope::new(whole.clone());
    for (ops, total) in chain {
        rope.apply(ops, &[], *total).unwrap();
    }
    rope.into_bytes()
}

fn main() {
    let smoke = std::env::args().any(|a| a == "--smoke");
    println!(
        "{:<44} {:>9} {:>9} {:>11} {:>8} {:>8}",
        "", "bytes", "delta", "ns", "x copy", "x whole"
    );
    let rounds = if smoke { 3 } else { 51 };
    for count in if smoke {
        vec![10]
    } else {
        vec![10, 100, 1_000, 10_000]
    } {
        cases(rounds, count);
    }
    println!(
        "\n{:<17} {:>10} {:>8} {:>8} {:>8} {:>7} {:>10} {:>10}",
        "appended", "bytes", "x stored", "x read", "deepest", "wholes", "ns a step", "us to read"
    );
    for (count, length) in [(20_000, 10), (5_000, 100), (5_000, 400), (500, 20_000)] {
        growth(if smoke { count / 100 } else { count }, length);
    }
}
