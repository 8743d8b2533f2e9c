//! [`Tip`]: whether the next version of a value is stored whole, or as a delta against which one.
//!
//! Bounds, which the tests hold for any history of changes. To read a version of *n* bytes takes at most
//! [`COST_FACTOR`] × *n* + [`COST_SLACK`] bytes, [`LINK_COST`] for each delta included, and at most [`RUN_LINKS`]
//! + *n* / [`LINK_BYTES`] deltas. A list that grows to *S* bytes in *k* appends takes at most 3 × *S* + 256 × *k* bytes.

use super::run::Run;
use super::{DELTA_OVERHEAD, MAX_LENGTH, Op, SOURCE_OVERHEAD, encoded_len, sources_of, wide};

/// What following one more delta costs besides its bytes, in bytes: another frame is found, read and checked.
pub const LINK_COST: u64 = 128;
/// Reading a value costs at most so many times its length...
pub const COST_FACTOR: u64 = 3;
/// ... and so many bytes.
pub const COST_SLACK: u64 = 16 << 10;
/// So many deltas make up any value at most...
pub const RUN_LINKS: u32 = 512;
/// ... and one more for so many bytes of it: reading them takes longer than following a delta. So a list of large elements, which
/// needs few deltas anyway, is never written again for their sake.
pub const LINK_BYTES: u64 = 4096;
/// More deltas than make up any value.
pub const MAX_LINKS: u32 = RUN_LINKS + (1 << 18);
const _: () = assert!(MAX_LENGTH / LINK_BYTES <= 1 << 18);

/// What it takes to read a stored value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weight {
    /// The length of the value in bytes.
    pub length: u64,
    /// How many deltas lie between it and a whole value: 0 if it is stored whole.
    pub links: u32,
    /// How many bytes have to be read for it, with [`LINK_COST`] for each place that they are at.
    pub cost: u64,
}

impl Weight {
    /// What it takes to read a value that is stored whole.
    pub const fn whole(length: u64) -> Self {
        Self {
            length,
            links: 0,
            cost: length.saturating_add(LINK_COST),
        }
    }

    /// What it takes to read a value that is stored as these operations on one that weighs `self`.
    /// Sources are always whole.
    fn with_delta(self, length: u64, ops: &[Op], sources: &[&[u8]]) -> Self {
        let used = sources_of(ops);
        let of_sources = used.iter().map(|number| {
            let source = usize::try_from(*number).ok().and_then(|n| sources.get(n));
            let length = source.map_or(0, |source| wide(source.len()));
            SOURCE_OVERHEAD + Self::whole(length).cost
        });
        let own = LINK_COST + DELTA_OVERHEAD + encoded_len(ops);
        Self {
            length,
            links: self.links.saturating_add(1),
            cost: of_sources.fold(self.cost.saturating_add(own), u64::saturating_add),
        }
    }

    fn is_within_bounds(self) -> bool {
        let cost = (self.length.saturating_mul(COST_FACTOR)).saturating_add(COST_SLACK);
        let links = (self.length / LINK_BYTES).saturating_add(u64::from(RUN_LINKS));
        self.cost <= cost && u64::from(self.links) <= links
    }
}

/// How a version of a value is to be stored.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// Whole.
    Whole,
    /// As the operations that were handed over, on the version before.
    OnParent,
    /// As these operations, on the version at which the run began. They use no sources.
    OnRunBase(Vec<Op>),
}

/// The newest version of a value, as far as the storing of the next one depends on it.
#[derive(Clone, Debug)]
pub struct Tip {
    weight: Weight,
    /// What happened since the run began.
    run: Run,
    /// How many deltas these are.
    run_links: u32,
    /// The version at which it began.
    run_base: Weight,
}

impl Tip {
    /// A version that weighs so much and of which nothing else is known. A run begins at it.
    pub fn new(weight: Weight) -> Self {
        Self {
            weight,
            run: Run::new(weight.length),
            run_links: 0,
            run_base: weight,
        }
    }

    /// What it takes to read the version.
    pub fn weight(&self) -> Weight {
        self.weight
    }

    /// How much memory it takes besides itself, in bytes.
    pub fn heap_len(&self) -> usize {
        self.run.heap_len()
    }

    /// Whether the run begins at this version: it is then what [`Choice::OnRunBase`] will be about.
    pub fn begins_run(&self) -> bool {
        self.run_links == 0
    }

    /// How the next version, of `length` bytes, is to be stored, and its tip. `ops` make it of this one and `sources`;
    /// without them there is no delta.
    pub fn next(self, length: u64, ops: Option<&[Op]>, sources: &[&[u8]]) -> (Choice, Self) {
        let whole = || (Choice::Whole, Self::new(Weight::whole(length)));
        let Some(ops) = ops else {
            return whole();
        };
        let on_parent = self.weight.with_delta(length, ops, sources);
        let fits = on_parent.is_within_bounds();
        let run_links = self.run_links.saturating_add(1);
        let run_base = self.run_base;
        let run = self.run.then(ops, sources).filter(|r| r.len() == length);
        if let Some(run) = run {
            if fits && run_links <= RUN_LINKS && !run.is_full() {
                let tip = Self {
                    weight: on_parent,
                    run,
                    run_links,
                    run_base,
                };
                return (Choice::OnParent, tip);
            }
            // The bytes are written a second time: only if that saves enough deltas.
            if u64::from(run_links) * LINK_BYTES > run.literal_len() {
                let ops = run.ops();
                let on_base = run_base.with_delta(length, &ops, &[]);
                if on_base.is_within_bounds() && encoded_len(&ops) + DELTA_OVERHEAD < length {
                    return (Choice::OnRunBase(ops), Self::new(on_base));
                }
            }
        }
        if fits {
            (Choice::OnParent, Self::new(on_parent))
        } else {
            whole()
        }
    }
}
