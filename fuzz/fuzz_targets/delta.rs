//! Any operations make a value of the length that they claim, or are refused; and what `diff` finds makes the new value.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use stepwell::delta::{Op, Rope, Run, apply, diff, encoded_len, total_len};

type Input<'i> = (
    &'i [u8],
    &'i [u8],
    &'i [u8],
    Vec<(Vec<(u8, u64, u64, u32)>, Option<u64>)>,
);

fuzz_target!(|input: Input<'_>| {
    let (base, new, source, chain) = input;
    let [base, new, source] = [base, new, source].map(Bytes::copy_from_slice);
    let sources = [source];

    if let Some(ops) = diff(&base, &new, &[&sources[0]]) {
        assert!(encoded_len(&ops) < new.len() as u64);
        assert_eq!(apply(&base, &sources, &ops, new.len() as u64).unwrap(), new);
    }

    let mut rope = Rope::new(base.clone());
    let mut run = Some(Run::new(base.len() as u64));
    for (ops, total) in chain {
        let ops: Vec<Op> = ops
            .into_iter()
            .map(|(kind, offset, len, source)| match kind % 3 {
                0 => Op::Literal(new.slice(..new.len().min(usize::from(offset as u8)))),
                1 => Op::CopyBase { offset, len },
                _ => Op::CopySource {
                    source,
                    offset,
                    len,
                },
            })
            .collect();
        let total = total.unwrap_or_else(|| total_len(&ops));
        if total > 1 << 20 {
            return;
        }
        if rope.apply(&ops, &sources, total).is_err() {
            return;
        }
        assert_eq!(rope.clone().into_bytes().len() as u64, total);
        run = run.and_then(|run| run.then(&ops, &[&sources[0]]));
        if let Some(run) = run.clone() {
            let made = apply(&base, &[], &run.ops(), total);
            assert_eq!(made.unwrap(), rope.clone().into_bytes());
        }
    }
});
