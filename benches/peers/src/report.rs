//! Figures by cell, engine and round; tables of medians with their spread.

use std::collections::BTreeMap;

use crate::cell::Cell;
use crate::engine::Kind;
use crate::plan::Scale;

/// What is measured. Their order is that of the columns.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Figure {
    StepsPerSecond,
    /// Steps per second against those of the floor in the same round.
    OfFloor,
    /// The mean step against the mean of writing and syncing the same bytes raw.
    OfRawSync,
    /// Steps per second against records per second of a raw loop with 64 records per sync.
    OfRawGroups,
    MedianUs,
    P99Us,
    CpuUsPerStep,
    FlushesPerStep,
    LatestUs,
    ByIdUs,
    /// By id, with the writes that follow.
    StepByIdUs,
    DiskBytesPerStep,
    /// Against the bytes of keys and values.
    DiskOfPut,
    OpenMs,
    /// Opening and reading the latest checkpoint of one thread.
    FirstReadMs,
    PeakMiB,
}

impl Figure {
    pub(crate) const ALL: [Self; 16] = [
        Self::StepsPerSecond,
        Self::OfFloor,
        Self::OfRawSync,
        Self::OfRawGroups,
        Self::MedianUs,
        Self::P99Us,
        Self::CpuUsPerStep,
        Self::FlushesPerStep,
        Self::LatestUs,
        Self::ByIdUs,
        Self::StepByIdUs,
        Self::DiskBytesPerStep,
        Self::DiskOfPut,
        Self::OpenMs,
        Self::FirstReadMs,
        Self::PeakMiB,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::StepsPerSecond => "steps/s",
            Self::OfFloor => "/ raw-log",
            Self::OfRawSync => "time / raw write+fdatasync",
            Self::OfRawGroups => "/ raw 64 per fdatasync",
            Self::MedianUs => "p50 us",
            Self::P99Us => "p99 us",
            Self::CpuUsPerStep => "CPU us/step",
            Self::FlushesPerStep => "flushes/step",
            Self::LatestUs => "latest p50 us",
            Self::ByIdUs => "by id p50 us",
            Self::StepByIdUs => "by id with writes p50 us",
            Self::DiskBytesPerStep => "disk bytes/step",
            Self::DiskOfPut => "/ bytes put",
            Self::OpenMs => "open ms",
            Self::FirstReadMs => "open + first read ms",
            Self::PeakMiB => "peak MiB",
        }
    }
}

#[derive(Default)]
pub(crate) struct Report {
    figures: BTreeMap<(Cell, Figure, Kind), BTreeMap<usize, f64>>,
}

impl Report {
    pub(crate) fn add(
        &mut self,
        cell: Cell,
        engine: Kind,
        round: usize,
        figure: Figure,
        value: f64,
    ) {
        self.figures
            .entry((cell, figure, engine))
            .or_default()
            .insert(round, value);
    }

    /// The rates against those of the floor, round by round.
    pub(crate) fn take_ratios(&mut self) {
        let rates: Vec<_> = self
            .figures
            .iter()
            .filter(|(key, _)| key.1 == Figure::StepsPerSecond)
            .collect();
        let mut ratios = BTreeMap::new();
        for ((cell, _, engine), rates) in rates {
            if let Some(floor) = self
                .figures
                .get(&(*cell, Figure::StepsPerSecond, Kind::RawLog))
            {
                let of = |(round, rate): (&usize, &f64)| Some((*round, rate / floor.get(round)?));
                ratios.insert(
                    (*cell, Figure::OfFloor, *engine),
                    rates.iter().filter_map(of).collect(),
                );
            }
        }
        self.figures.extend(ratios);
    }

    /// One table for each cell: a row for each engine, a column for each figure.
    pub(crate) fn print(&self, scale: Scale) {
        if scale == Scale::Smoke {
            println!("This is a smoke test: the figures say nothing.");
        }
        for cell in Cell::ALL {
            let columns: Vec<_> = Figure::ALL
                .into_iter()
                .filter(|f| self.has(cell, *f))
                .collect();
            if columns.is_empty() {
                continue;
            }
            println!("\n{}: {}\n", cell.name(), cell.about());
            let names: Vec<_> = columns.iter().map(|figure| figure.name()).collect();
            println!(
                "| | {} |\n|---{}|",
                names.join(" | "),
                "|--:".repeat(names.len())
            );
            for engine in Kind::ALL {
                let values: Vec<_> = columns
                    .iter()
                    .map(|f| self.text(cell, *f, *engine))
                    .collect();
                if values.iter().any(|value| !value.is_empty()) {
                    println!("| {} | {} |", engine.name(), values.join(" | "));
                }
            }
        }
    }

    /// What is aimed at, by row: beside it what each engine has reached.
    pub(crate) fn print_summary(&self) {
        let rows = [
            (Cell::Durable1, Figure::OfRawSync, "<= 1.15"),
            (Cell::Durable8, Figure::OfFloor, ">= 1.0"),
            (Cell::Durable64, Figure::OfRawGroups, ">= 0.5"),
            (Cell::Unsynced1, Figure::OfFloor, ">= 0.6"),
            (Cell::Read, Figure::LatestUs, "<= 1.5"),
            (Cell::Read, Figure::ByIdUs, "<= 2.5"),
            (Cell::OpenClean, Figure::OpenMs, "<= 5"),
            (Cell::OpenKilled, Figure::OpenMs, "<= 100"),
        ];
        let engines: Vec<_> = Kind::ALL.iter().map(|engine| engine.name()).collect();
        println!(
            "\nWhat Stepwell aims at\n\n| | aim | {} |\n|---|---|{}",
            engines.join(" | "),
            "--:|".repeat(engines.len())
        );
        for (cell, figure, aim) in rows {
            if self.has(cell, figure) {
                let values = Kind::ALL
                    .iter()
                    .map(|engine| self.text(cell, figure, *engine));
                let values: Vec<_> = values.collect();
                let name = figure.name();
                println!(
                    "| {}: {name} | {aim} | {} |",
                    cell.name(),
                    values.join(" | ")
                );
            }
        }
    }

    fn has(&self, cell: Cell, figure: Figure) -> bool {
        self.figures
            .keys()
            .any(|(c, f, _)| (*c, *f) == (cell, figure))
    }

    fn text(&self, cell: Cell, figure: Figure, engine: Kind) -> String {
        let Some(rounds) = self.figures.get(&(cell, figure, engine)) else {
            return String::new();
        };
        let mut sorted: Vec<f64> = rounds.values().copied().collect();
        sorted.sort_by(f64::total_cmp);
        let last = sorted.len() - 1;
        let (least, most) = (sorted[0], sorted[last]);
        let median = (sorted[last / 2] + sorted[last.div_ceil(2)]) / 2.0;
        if sorted.len() == 1 {
            return short(median);
        }
        format!("{} ({}..{})", short(median), short(least), short(most))
    }
}

fn short(value: f64) -> String {
    match value {
        v if v >= 100.0 => format!("{v:.0}"),
        v if v >= 10.0 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}
