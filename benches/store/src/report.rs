//! The figures: per round, and what is printed of them.

#[derive(Default)]
pub(crate) struct Report {
    notes: Vec<String>,
    rows: Vec<Row>,
}

struct Row {
    what: String,
    /// Per round: ours and theirs, in microseconds.
    rounds: Vec<(f64, f64)>,
}

impl Report {
    pub(crate) fn note(&mut self, note: String) {
        eprintln!("{note}");
        self.notes.push(note);
    }

    pub(crate) fn round(&mut self, what: &str, ours: f64, theirs: f64) {
        match self.rows.iter_mut().find(|row| row.what == what) {
            Some(row) => row.rounds.push((ours, theirs)),
            None => self.rows.push(Row {
                what: what.to_owned(),
                rounds: vec![(ours, theirs)],
            }),
        }
    }

    pub(crate) fn print(&self) {
        self.notes.iter().for_each(|note| println!("{note}"));
        println!("| us each | Stepwell | SQLite | Stepwell / SQLite |\n|---|--:|--:|--:|");
        for row in &self.rows {
            let ours = median(row.rounds.iter().map(|round| round.0));
            let theirs = median(row.rounds.iter().map(|round| round.1));
            let ratio = median(row.rounds.iter().map(|round| round.0 / round.1));
            println!(
                "| {} | {:.1} | {:.1} | {:.2} ({:.2}..{:.2}) |",
                row.what, ours.1, theirs.1, ratio.1, ratio.0, ratio.2
            );
        }
    }
}

/// The least, the median and the greatest.
fn median(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    (
        values[0],
        values[values.len() / 2],
        values[values.len() - 1],
    )
}
