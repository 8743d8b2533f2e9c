//! A damaged index file is never believed.

use std::fs;
use std::ops::Bound;

use super::*;
use crate::index::tables::Rows;

const COUNT: u32 = 3000;

/// What a database would do with an index file like this.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Right,
    Rebuilt,
}

fn read_all(rows: &Rowset) -> Result<Vec<(Name, Row)>, crate::index::tables::TablesError> {
    for number in (0..COUNT).step_by(611) {
        assert_eq!(rows.get(&name(number))?, Some(row(number)));
    }
    let mut all = Vec::new();
    rows.scan(Bound::Unbounded, Bound::Unbounded, |key, row| {
        all.push((key.clone(), row.clone()));
        true
    })?;
    Ok(all)
}

fn outcome(dir: &Path, truth: &[(Name, Row)]) -> Outcome {
    let path = dir.join("index.redb");
    let (file, found) = open(dir);
    let Ok(found) = found else {
        assert!(!path.exists());
        return Outcome::Rebuilt;
    };
    let found = found.unwrap();
    assert_eq!(found.watermark, at(u64::from(COUNT) + 1));
    let rows = over(Some(found));
    let outcome = match read_all(&rows) {
        Ok(rows) => {
            assert_eq!(rows, truth);
            Outcome::Right
        }
        Err(_) => {
            assert!(!path.exists(), "the next open must rebuild it");
            Outcome::Rebuilt
        }
    };
    drop(file);
    outcome
}

#[test]
fn flipped_bytes_and_lost_pages_never_change_an_answer() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path(), COUNT);
    let path = dir.path().join("index.redb");
    let whole = fs::read(&path).unwrap();
    let truth: Vec<_> = {
        let mut all: Vec<_> = (0..COUNT)
            .map(|number| (name(number), row(number)))
            .collect();
        all.sort();
        all
    };
    assert_eq!(outcome(dir.path(), &truth), Outcome::Right);

    let (mut right, mut rebuilt) = (0, 0);
    let mut count = |outcome| match outcome {
        Outcome::Right => right += 1,
        Outcome::Rebuilt => rebuilt += 1,
    };
    // The header densely, then through all pages.
    for at in (0..512).step_by(7).chain((512..whole.len()).step_by(4111)) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        fs::write(&path, &bytes).unwrap();
        let outcome = outcome(dir.path(), &truth);
        assert!(
            at >= 512 || outcome == Outcome::Rebuilt,
            "byte {at} of the header"
        );
        count(outcome);
    }
    for at in (512..whole.len()).step_by(4100) {
        let mut bytes = whole.clone();
        let end = (at + 4100).min(bytes.len());
        bytes[at..end].fill(0);
        fs::write(&path, &bytes).unwrap();
        count(outcome(dir.path(), &truth));
    }
    // Most of a small file is space that is not used yet.
    assert!(right > 50 && rebuilt > 73 + 50, "{right} {rebuilt}");
}
