//! What is to be measured: the command line.

use std::path::PathBuf;

use crate::cell::Cell;
use crate::engine::Kind;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// A moment of everything, to see that it works.
    Smoke,
    /// A few minutes and a few hundred megabytes: of which order the ratios are.
    Quick,
    Full,
}

impl Scale {
    const ALL: [Self; 3] = [Self::Smoke, Self::Quick, Self::Full];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Full => "full",
        }
    }

    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scale| scale.name() == name)
    }
}

pub(crate) struct Plan {
    pub(crate) dir: PathBuf,
    pub(crate) rounds: usize,
    pub(crate) scale: Scale,
    pub(crate) cells: Vec<Cell>,
    pub(crate) engines: Vec<Kind>,
}

impl Plan {
    /// A name that is neither an engine's nor a cell's ends the process, with the list of those that are.
    pub(crate) fn of(mut args: impl Iterator<Item = String>) -> Self {
        let mut plan = Self {
            dir: std::env::temp_dir(),
            rounds: 5,
            scale: Scale::Full,
            cells: Vec::new(),
            engines: Vec::new(),
        };
        while let Some(arg) = args.next() {
            let mut value = || args.next().unwrap_or_else(|| usage(&arg));
            match arg.as_str() {
                "--smoke" => (plan.scale, plan.rounds) = (Scale::Smoke, 1),
                "--quick" => (plan.scale, plan.rounds) = (Scale::Quick, 3),
                "--dir" => plan.dir = value().into(),
                "--rounds" => plan.rounds = value().parse().unwrap_or_else(|_| usage(&arg)),
                "--only" => plan.only(&value()),
                _ => usage(&arg),
            }
        }
        if plan.cells.is_empty() {
            plan.cells = Cell::ALL.to_vec();
        }
        if plan.engines.is_empty() {
            plan.engines = Kind::ALL.to_vec();
        }
        plan
    }

    fn only(&mut self, name: &str) {
        match (Cell::named(name), Kind::named(name)) {
            (Some(cell), _) => self.cells.push(cell),
            (None, Some(engine)) => self.engines.push(engine),
            (None, None) => usage(name),
        }
    }
}

fn usage(found: &str) -> ! {
    let cells: Vec<_> = Cell::ALL.iter().map(|c| c.name()).collect();
    let engines: Vec<_> = Kind::ALL.iter().map(|e| e.name()).collect();
    eprintln!(
        "`{found}`: the options are --smoke, --quick, --rounds N, --dir DIR and --only NAME\n\
         cells:   {}\nengines: {}",
        cells.join(" "),
        engines.join(" ")
    );
    std::process::exit(2)
}
