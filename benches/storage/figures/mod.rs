//! The figures, one function each. Another one is a line in [`ALL`].

mod compact;
mod delete;
mod disk;
mod growth;
mod history;
mod latest;
mod memory;
mod open;
mod scan;

pub(crate) use memory::of_child as memory_of_child;

use crate::bench::Bench;

type Figure = fn(&Bench);

pub(crate) const ALL: [(&str, Figure); 9] = [
    ("disk", disk::measure),
    ("growth", growth::measure),
    ("latest", latest::measure),
    ("history", history::measure),
    ("delete", delete::measure),
    ("compact", compact::measure),
    ("open", open::measure),
    ("memory", memory::measure),
    ("scan", scan::measure),
];
