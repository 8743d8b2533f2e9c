use bytes::Bytes;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// A list of elements, encoded as JSON or MessagePack encodes one.
fn json(elements: &[Vec<u8>]) -> Bytes {
    [b"[".as_slice(), &elements.join(&b','), b"]"]
        .concat()
        .into()
}

fn msgpack(elements: &[Vec<u8>]) -> Bytes {
    let count = u32::try_from(elements.len()).unwrap();
    let header = match count {
        0..16 => vec![0x90 | count as u8],
        16..65_536 => [&[0xDC], &count.to_be_bytes()[2..]].concat(),
        _ => [&[0xDD], &count.to_be_bytes()[..]].concat(),
    };
    [header, elements.concat()].concat().into()
}

/// Bytes that are not found anywhere else.
fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        b"abcdefghijklmnopqrstuvwxyz 0123456789"[(state >> 33) as usize % 37]
    };
    std::iter::repeat_with(next).take(length).collect()
}

fn message(seed: u64, length: usize) -> Vec<u8> {
    let id = seed.to_string();
    [
        br#"{"type":"ai","content":""#.as_slice(),
        &noise(seed, length),
        br#"","additional_kwargs":{},"response_metadata":{},"id":""#,
        id.as_bytes(),
        br#""}"#,
    ]
    .concat()
}

fn messages(count: u64) -> Vec<Vec<u8>> {
    (0..count).map(|seed| message(seed, 300)).collect()
}

/// The length of the delta from `base` to `new`, which must make `new` again.
fn delta_len(base: &Bytes, new: &Bytes, sources: &[Bytes]) -> Option<u64> {
    let slices: Vec<&[u8]> = sources.iter().map(AsRef::as_ref).collect();
    let ops = diff(base, new, &slices)?;
    assert_eq!(apply(base, sources, &ops, wide(new.len())).unwrap(), new);
    assert_eq!(total_len(&ops), wide(new.len()));
    Some(encoded_len(&ops))
}

#[track_caller]
fn assert_small(base: &Bytes, new: &Bytes, at_most: u64) {
    let found = delta_len(base, new, &[]).expect("a delta");
    assert!(found <= at_most, "{found} bytes instead of {at_most}");
}

#[test]
fn a_list_that_grew_is_its_old_self_and_what_was_appended() {
    for encode in [json, msgpack] {
        for count in [14, 15, 16, 200] {
            let mut elements = messages(count);
            let base = encode(&elements);
            elements.push(message(1_000, 300));
            let new = encode(&elements);
            assert_small(&base, &new, wide(elements.last().unwrap().len()) + 20);
        }
    }
}

#[test]
fn a_list_whose_elements_end_alike_is_its_old_self_and_what_was_appended() {
    let ends = |seed| {
        [
            message(seed, 300),
            b" an end that all elements have".to_vec(),
        ]
        .concat()
    };
    let elements: Vec<_> = (0..21).map(ends).collect();
    let (base, new) = (msgpack(&elements[..20]), msgpack(&elements));
    let element = Bytes::from(elements[20].clone());
    let ops = diff(&base, &new, &[&element]).unwrap();
    let [
        Op::Literal(header),
        Op::CopyBase { offset: 3, len },
        Op::CopySource { .. },
    ] = &ops[..]
    else {
        panic!("{ops:?}");
    };
    assert_eq!((header.len(), *len), (3, wide(base.len() - 3)));
    assert_eq!(
        apply(&base, &[element], &ops, wide(new.len())).unwrap(),
        new
    );
}

#[test]
fn a_header_that_grows_to_five_bytes_is_no_obstacle() {
    let mut elements: Vec<_> = (0..65_535_u64).map(|seed| noise(seed, 12)).collect();
    let base = msgpack(&elements);
    elements.push(noise(70_000, 12));
    assert_small(&base, &msgpack(&elements), 40);
}

#[test]
fn changes_in_the_middle_cost_what_changed() {
    let elements = messages(40);
    let base = json(&elements);
    let edit = |edit: &dyn Fn(&mut Vec<Vec<u8>>)| {
        let mut edited = elements.clone();
        edit(&mut edited);
        json(&edited)
    };
    assert_small(&base, &edit(&|e| e[20] = message(99, 400)), 440);
    assert_small(&base, &edit(&|e| e.insert(20, message(99, 400))), 520);
    assert_small(&base, &edit(&|e| drop(e.remove(20))), 30);
    assert_small(&base, &edit(&|e| drop(e.drain(10..30))), 30);
    let scattered = edit(&|e| {
        e.insert(35, message(99, 200));
        e.remove(30);
        e[20] = message(98, 100);
        e[3][40] = b'#';
        e[39][40] = b'#';
    });
    assert_small(&base, &scattered, 800);
}

#[test]
fn two_large_elements_that_were_replaced_are_two_literals() {
    let mut elements: Vec<_> = (0..20).map(|seed| message(seed, 5_000)).collect();
    let base = json(&elements);
    elements[5] = message(50, 5_000);
    elements[15] = message(51, 5_000);
    assert_small(&base, &json(&elements), 10_100);
}

#[test]
fn a_changed_field_and_an_extended_text_cost_what_changed() {
    let base = Bytes::from(message(1, 2_000));
    let mut changed = base.to_vec();
    changed[9] = b'#';
    assert_small(&base, &changed.into(), 60);
    let mut extended = base.to_vec();
    extended.splice(1_500..1_500, noise(7, 50));
    assert_small(&base, &extended.into(), 70);
}

#[test]
fn what_a_source_holds_is_copied_from_it() {
    let mut elements = messages(20);
    let base = json(&elements);
    let with_id = |m: &[u8]| [&m[..m.len() - 1], br#","name":"writer"}"#].concat();
    let written = [message(100, 3_000), message(101, 2_000)];
    elements.extend(written.iter().map(|m| with_id(m)));
    let sources = written.map(Bytes::from);
    let new = json(&elements);
    let found = delta_len(&base, &new, &sources).expect("a delta");
    assert!(found < 120, "{found}");
    // The whole value is what was written.
    let found = delta_len(&Bytes::from("[]"), &new, std::slice::from_ref(&new)).expect("a delta");
    assert!(found < 20, "{found}");
}

#[test]
fn unrelated_and_tiny_values_have_no_delta() {
    let [a, b] = [noise(1, 50_000), noise(2, 50_000)].map(Bytes::from);
    assert_eq!(delta_len(&a, &b, &[]), None);
    assert_eq!(delta_len(&a, &b, &[noise(3, 50_000).into()]), None);
    assert_eq!(delta_len(&"17".into(), &"18".into(), &[]), None);
    assert_eq!(delta_len(&Bytes::new(), &Bytes::new(), &[]), None);
}

#[test]
fn used_sources_are_renumbered() {
    let copy = |source| Op::<Bytes>::CopySource {
        source,
        offset: 0,
        len: 1,
    };
    let mut ops = [copy(4), copy(2), copy(4)];
    assert_eq!(used_sources(&mut ops), [4, 2]);
    assert_eq!(ops, [copy(0), copy(1), copy(0)]);
}

/// An edit of a list: which, where, how long.
type Edit = (u8, prop::sample::Index, usize);

fn edit(elements: &mut Vec<Vec<u8>>, seed: u64, (kind, at, length): &Edit) {
    let at = at.index(elements.len() + 1);
    match kind {
        0..=4 => elements.push(message(seed, *length)),
        5 => elements.insert(at, message(seed, *length)),
        6 if at < elements.len() => elements[at] = message(seed, *length),
        7 if at < elements.len() => drop(elements.remove(at)),
        8 => elements.truncate(at),
        _ => elements.push(length.to_string().into()),
    }
}

fn edits(kinds: std::ops::Range<u8>, count: usize) -> impl Strategy<Value = Vec<Edit>> {
    let length = prop_oneof![4 => 0_usize..40, 2 => 0_usize..600, 1 => 0_usize..9_000];
    vec((kinds, any::<prop::sample::Index>(), length), 1..count)
}

/// The versions of a value as they would be stored.
struct Versions {
    tip: Tip,
    run_base: usize,
    stored: Vec<Version>,
    values: Vec<Bytes>,
}

struct Version {
    /// The version that the operations are about; `None` if the version is whole.
    base: Option<usize>,
    ops: Vec<Op>,
    bytes: u64,
}

impl Versions {
    fn new(first: Bytes) -> Self {
        Self {
            tip: Tip::new(Weight::whole(wide(first.len()))),
            run_base: 0,
            stored: vec![Version {
                base: None,
                ops: Vec::new(),
                bytes: wide(first.len()),
            }],
            values: vec![first],
        }
    }

    fn put(&mut self, new: Bytes, ops: Option<Vec<Op>>) {
        let parent = self.stored.len() - 1;
        let (choice, tip) = self.tip.clone().next(wide(new.len()), ops.as_deref(), &[]);
        self.tip = tip;
        let (base, ops) = match choice {
            Choice::Whole => (None, Vec::new()),
            Choice::OnParent => (Some(parent), ops.unwrap()),
            Choice::OnRunBase(ops) => (Some(self.run_base), ops),
        };
        let bytes = match base {
            None => wide(new.len()),
            Some(_) => DELTA_OVERHEAD + encoded_len(&ops),
        };
        self.stored.push(Version { base, ops, bytes });
        self.values.push(new);
        if self.tip.begins_run() {
            self.run_base = self.stored.len() - 1;
        }
        self.check_bounds();
    }

    /// What reading the newest version takes, counted anew.
    fn check_bounds(&self) {
        let (mut at, mut cost, mut links) = (self.stored.len() - 1, 0, 0);
        let length = wide(self.values[at].len());
        loop {
            cost += self.stored[at].bytes + LINK_COST;
            let Some(base) = self.stored[at].base else {
                break;
            };
            assert!(base < at);
            (at, links) = (base, links + 1);
        }
        let expected = Weight {
            length,
            links,
            cost,
        };
        assert_eq!(self.tip.weight(), expected);
        assert!(cost <= COST_FACTOR * length + COST_SLACK);
        assert!(u64::from(links) <= u64::from(RUN_LINKS) + length / LINK_BYTES);
        assert!(links <= MAX_LINKS);
    }

    fn check_value(&self, version: usize) {
        let mut chain = Vec::new();
        let mut at = version;
        while let Some(base) = self.stored[at].base {
            chain.push(at);
            at = base;
        }
        let mut rope = Rope::new(self.values[at].clone());
        for at in chain.into_iter().rev() {
            let total = wide(self.values[at].len());
            rope.apply(&self.stored[at].ops, &[], total).unwrap();
        }
        assert_eq!(rope.into_bytes(), self.values[version]);
    }

    fn bytes(&self) -> u64 {
        self.stored.iter().map(|version| version.bytes).sum()
    }
}

/// A list of elements of `length` bytes grows to `count`.
fn grow(count: u64, length: usize) -> Versions {
    let mut list = b"[]".to_vec();
    let mut versions = Versions::new(list.clone().into());
    for number in 0..count {
        let element = Bytes::from(noise(number, length));
        let base_len = wide(list.len());
        let ops = grown(base_len, number == 0, std::slice::from_ref(&element), &[]);
        list.pop();
        if number > 0 {
            list.push(b',');
        }
        list.extend_from_slice(&element);
        list.push(b']');
        versions.put(list.clone().into(), Some(ops));
    }
    versions
}

#[test]
fn a_list_that_grows_takes_a_multiple_of_its_length() {
    for (count, length) in [
        (4_000, 1),
        (2_000, 40),
        (1_500, 400),
        (100, 20_000),
        (9, 200_000),
    ] {
        let versions = grow(count, length);
        let grown_to = wide(versions.values.last().unwrap().len());
        let bytes = versions.bytes();
        assert!(
            bytes <= 3 * grown_to + 256 * count,
            "{count} elements of {length} bytes: {bytes} bytes stored for {grown_to}"
        );
        for version in (0..versions.values.len()).step_by(97) {
            versions.check_value(version);
        }
    }
}

#[test]
fn large_elements_are_written_once() {
    let versions = grow(100, 20_000);
    let grown_to = wide(versions.values.last().unwrap().len());
    assert!(versions.bytes() < grown_to + 100 * 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_delta_makes_the_value(before in vec(any::<u8>(), 0..600), edits in edits(0..10, 12)) {
        let mut elements = vec![before];
        let mut written: Vec<Bytes> = Vec::new();
        for (seed, one) in (0..).zip(&edits) {
            let bases = [json(&elements), msgpack(&elements)];
            written.extend(elements.last().map(|e| e.clone().into()));
            edit(&mut elements, seed, one);
            written.extend(elements.last().map(|e| e.clone().into()));
            for (base, new) in bases.iter().zip([json(&elements), msgpack(&elements)]) {
                let plain = delta_len(base, &new, &[]);
                prop_assert!(plain.is_none_or(|len| len < wide(new.len())));
                delta_len(base, &new, &written);
            }
        }
    }

    #[test]
    fn any_bytes_have_a_right_delta_or_none(
        base in vec(0_u8..3, 0..400), new in vec(0_u8..3, 0..400), source in vec(0_u8..3, 0..400),
    ) {
        delta_len(&base.into(), &new.into(), &[source.into()]);
    }

    #[test]
    fn any_history_is_within_the_bounds(mut edits in edits(0..10, 40), tiny in 0_usize..700) {
        // Most of a history is small appends, somewhere in it.
        let small: Vec<Edit> = edits.iter().map(|e| (9, e.1, e.2)).collect();
        let small = small.into_iter().cycle().take(tiny);
        edits.splice(edits.len() / 2..edits.len() / 2, small);
        let mut elements = Vec::new();
        let mut versions = Versions::new(json(&elements));
        for (seed, one) in (0..).zip(&edits) {
            edit(&mut elements, seed, one);
            let new = json(&elements);
            let ops = diff(versions.values.last().unwrap(), &new, &[]);
            versions.put(new, ops);
        }
        for version in (0..versions.values.len()).step_by(61) {
            versions.check_value(version);
        }
        versions.check_value(versions.values.len() - 1);
    }

    #[test]
    fn a_run_is_its_deltas_one_after_the_other(
        base in vec(any::<u8>(), 1..50),
        steps in vec((vec(any::<u8>(), 0..9), any::<[prop::sample::Index; 2]>(), vec(any::<u8>(), 0..9)), 0..20),
    ) {
        let base = Bytes::from(base);
        let source = Bytes::from_static(b"source");
        let mut value = base.clone();
        let mut run = Some(Run::new(wide(base.len())));
        for (head, cut, tail) in steps {
            let [a, b] = cut.map(|cut| cut.index(value.len() + 1));
            let (start, end) = (a.min(b), a.max(b));
            let ops = [
                Op::Literal(head.into()),
                Op::CopyBase { offset: wide(start), len: wide(end - start) },
                Op::CopySource { source: 0, offset: 1, len: 3 },
                Op::Literal(tail.into()),
            ];
            value = apply(&value, std::slice::from_ref(&source), &ops, total_len(&ops)).unwrap();
            run = run.and_then(|run| run.then(&ops, &[&source]));
            if let Some(run) = &run {
                prop_assert_eq!(run.len(), wide(value.len()));
                prop_assert_eq!(&apply(&base, &[], &run.clone().ops(), run.len()).unwrap(), &value);
            }
        }
    }

    #[test]
    fn hostile_operations_are_refused_or_make_what_they_say(
        base in vec(any::<u8>(), 0..40),
        chain in vec((vec((0_u8..3, 0_u64..50, 0_u64..50, any::<bool>()), 0..8), any::<bool>(), any::<u64>()), 0..6),
    ) {
        let source = Bytes::from_static(b"of the source");
        let mut rope = Rope::new(base.into());
        for (ops, is_right, total) in chain {
            let ops: Vec<Op> = ops
                .into_iter()
                .map(|(kind, a, b, is_huge)| {
                    let len = if is_huge { u64::MAX - b } else { b };
                    match kind {
                        0 => Op::Literal(vec![7; usize::try_from(a).unwrap()].into()),
                        1 => Op::CopyBase { offset: a, len },
                        _ => Op::CopySource { source: u32::try_from(b).unwrap() % 3, offset: a, len: len % 9 },
                    }
                })
                .collect();
            let total = if is_right { total_len(&ops) } else { total };
            if rope.apply(&ops, std::slice::from_ref(&source), total).is_err() {
                break;
            }
            prop_assert_eq!(rope.len(), total);
            prop_assert_eq!(wide(rope.clone().into_bytes().len()), total);
        }
    }
}

#[test]
fn a_long_chain_of_scattered_changes_is_followed() {
    let mut value = noise(1, 20_000);
    let mut rope = Rope::new(value.clone().into());
    for number in 0..3_000 {
        let at = number * 7_919 % 19_000;
        value[at] = b'#';
        let (offset, len) = (wide(at) + 1, wide(value.len() - at - 1));
        let ops = [
            Op::CopyBase {
                offset: 0,
                len: wide(at),
            },
            Op::Literal(Bytes::from_static(b"#")),
            Op::CopyBase { offset, len },
        ];
        rope.apply(&ops, &[], wide(value.len())).unwrap();
    }
    assert_eq!(rope.into_bytes(), value);
}

#[test]
fn a_value_that_would_be_too_long_is_refused() {
    let mut rope = Rope::new(Bytes::from(vec![0; 1 << 20]));
    let all = |len| Op::CopyBase { offset: 0, len };
    let mut length = 1 << 20;
    let refused = loop {
        let doubled = rope.apply(&[all(length), all(length)], &[], 2 * length);
        if doubled.is_err() {
            break doubled;
        }
        length *= 2;
    };
    assert_eq!(length, MAX_LENGTH);
    assert!(matches!(refused, Err(ApplyError::WrongLength { .. })));
}
