//! The figures, one function each. Another one is a line in [`ALL`].

mod branches;
mod compact;
mod delete;
mod disk;
mod growth;
mod history;
mod latest;
mod memory;
mod open;
mod scan;
mod threads;

pub(crate) use memory::of_child as memory_of_child;

use crate::bench::Bench;

type Figure = fn(&Bench);

pub(crate) const ALL: [(&str, Figure); 11] = [
    ("disk", disk::measure),
    ("growth", growth::measure),
    ("latest", latest::measure),
    ("history", history::measure),
    ("delete", delete::measure),
    ("compact", compact::measure),
    ("branches", branches::measure),
    ("threads", threads::measure),
    ("open", open::measure),
    ("memory", memory::measure),
    ("scan", scan::measure),
];
