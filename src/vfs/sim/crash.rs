//! What a power cut leaves of what was not synced.
//!
//! Everything that `docs/format.md` assumes of a medium is allowed here, and nothing more: of writes any
//! part, in any order, with anything in the place of the rest; a file's length without its bytes and the other
//! way round; names without files and files without names. What has been synced stays.

use std::path::{Path, PathBuf};

use super::Random;
use super::content::Content;
use super::folder::{Entry, Folder, Names};
use super::node::{Change, Node};
use super::world::World;

/// The smallest thing that a medium writes.
const SECTOR: u64 = 512;

/// What a power cut leaves of what was not synced.
#[derive(Clone, Debug)]
pub enum Survival {
    /// Nothing.
    Nothing,
    /// Everything, as if it had been synced.
    Everything,
    /// Of the [pending](super::Moment::pending) changes those for which there is a one in this number, whole, the first in
    /// the lowest bit.
    Chosen(u64),
    /// Any part of each, and whatever a medium may make of it, as this seed has it.
    Random(u64),
}

/// What stands where a write did not get.
#[derive(Clone, Copy, Debug)]
enum Rest {
    Old,
    Zeros,
    Garbage,
    /// What some other file has, or had, at this place.
    Recycled,
}

/// How the medium behaves in one random power cut.
struct Mood {
    random: Random,
    /// Of eight changes, about so many survive.
    kept: u64,
    /// Writes are torn at multiples of this.
    grain: u64,
    rest: Rest,
    /// A file's length is independent of its bytes.
    lengths: bool,
}

/// How much of a change survives.
enum Fate {
    Lost,
    Whole,
    Torn,
}

impl Mood {
    fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let kept = *random.pick(&[0, 1, 4, 7, 8]).unwrap_or(&4);
        let grain = *random.pick(&[1, SECTOR, 4096]).unwrap_or(&1);
        let rests = [Rest::Old, Rest::Zeros, Rest::Garbage, Rest::Recycled];
        let rest = *random.pick(&rests).unwrap_or(&Rest::Old);
        let lengths = random.one_in(2);
        Self {
            random,
            kept,
            grain,
            rest,
            lengths,
        }
    }

    fn keeps(&mut self) -> bool {
        self.random.below(8) < self.kept
    }

    fn fate(&mut self) -> Fate {
        match (self.keeps(), self.random.one_in(2)) {
            (true, true) => Fate::Whole,
            (false, true) => Fate::Lost,
            (_, false) => Fate::Torn,
        }
    }
}

/// What is there after a power cut.
pub(super) fn after_power_cut(world: &World, survival: &Survival) -> World {
    let mut number = 0_u32;
    let mut chosen = |mask: u64| {
        let is_chosen = mask.checked_shr(number).unwrap_or_default() & 1 == 1;
        number += 1;
        is_chosen
    };
    let mut mood = match survival {
        Survival::Random(seed) => Some(Mood::new(*seed)),
        _ => None,
    };
    let mut left = world.clone();
    let strangers: Vec<_> = world.nodes.values().map(|node| &node.cache).collect();
    for node in left.nodes.values_mut() {
        match (&mut mood, survival) {
            (Some(mood), _) => scatter(node, mood, &strangers),
            (None, Survival::Chosen(mask)) => {
                node.pending.retain(|_| chosen(*mask));
                node.sync();
            }
            (None, Survival::Everything) => node.sync(),
            (None, _) => {}
        }
        node.pending.clear();
        node.cache = node.medium.clone();
    }
    for folder in left.folders.values_mut() {
        match (&mut mood, survival) {
            (Some(mood), _) => scatter_names(folder, mood),
            (None, Survival::Chosen(mask)) => {
                folder.pending.retain(|_| chosen(*mask));
                folder.sync();
            }
            (None, Survival::Everything) => folder.sync(),
            (None, _) => {}
        }
        folder.pending.clear();
        folder.cache = folder.medium.clone();
    }
    drop_unreachable(&mut left);
    left
}

fn scatter(node: &mut Node, mood: &mut Mood, strangers: &[&Content]) {
    let mut lengths = vec![node.medium.len()];
    for change in std::mem::take(&mut node.pending) {
        let before = lengths.last().copied().unwrap_or_default();
        match (&change, mood.fate()) {
            (Change::Resize(_), Fate::Lost) => {}
            (Change::Resize(_), _) => change.apply(&mut node.medium),
            (Change::Write { .. }, Fate::Whole) => change.apply(&mut node.medium),
            (Change::Write { offset, bytes }, fate) => {
                let torn = matches!(fate, Fate::Torn);
                tear(&mut node.medium, *offset, bytes, torn, mood, strangers);
            }
        }
        lengths.push(match change {
            Change::Resize(len) => len,
            write @ Change::Write { .. } => before.max(write.range().end),
        });
    }
    if mood.lengths
        && let Some(len) = mood.random.pick(&lengths)
    {
        node.medium.resize(*len);
    }
}

/// Writes of `bytes` some parts, or none, and what stands for the others.
fn tear(
    medium: &mut Content,
    offset: u64,
    bytes: &[u8],
    some: bool,
    mood: &mut Mood,
    strangers: &[&Content],
) {
    // Torn within a sector, it is torn once.
    let cut = offset + mood.random.below(bytes.len() as u64 + 1);
    let stranger = mood.random.pick(strangers).copied();
    let mut at = offset;
    let end = offset + bytes.len() as u64;
    while at < end {
        let mut to = (at / SECTOR + 1).saturating_mul(SECTOR).min(end);
        let grain = mood.grain.max(SECTOR);
        if mood.grain < SECTOR && at < cut && cut < to {
            to = cut;
        }
        let keeps = some
            && if mood.grain < SECTOR {
                at < cut
            } else {
                // The same for all sectors of a grain.
                Random::new(mood.kept ^ (at / grain) ^ cut).below(8) < 4
            };
        let from = usize::try_from(at - offset).unwrap_or(usize::MAX);
        let part = usize::try_from(to - offset)
            .ok()
            .and_then(|to| bytes.get(from..to))
            .unwrap_or_default();
        let old = medium.slice(at..to);
        if keeps {
            medium.write(at, part);
        } else if old != part {
            // A sector that is written over with what it holds keeps it.
            let rest = match mood.rest {
                Rest::Old => Vec::new(),
                Rest::Zeros => vec![0; part.len()],
                Rest::Garbage => part
                    .iter()
                    .map(|_| mood.random.number().to_le_bytes()[0])
                    .collect(),
                Rest::Recycled => stranger.map_or_else(Vec::new, |of| of.slice(at..to)),
            };
            medium.write(at, &rest);
        }
        at = to;
    }
}

fn scatter_names(folder: &mut Folder, mood: &mut Mood) {
    let names: &mut Names = &mut folder.medium;
    for change in &folder.pending {
        match (mood.keeps(), mood.random.one_in(4)) {
            (true, true) => change.apply_half(names),
            (true, false) => change.apply(names),
            (false, _) => {}
        }
    }
}

/// Directories go with their names, and files with the last of theirs.
fn drop_unreachable(world: &mut World) {
    let has_name = |folders: &std::collections::BTreeMap<PathBuf, Folder>, path: &Path| {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return true;
        };
        let parent = folders.get(parent);
        parent.is_some_and(|parent| parent.cache.get(name) == Some(&Entry::Folder))
    };
    loop {
        let gone = world
            .folders
            .keys()
            .find(|path| !has_name(&world.folders, path));
        let Some(gone) = gone.cloned() else { break };
        world.folders.remove(&gone);
    }
}
