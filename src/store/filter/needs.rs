//! [`Need`]: what an index can be asked about a filter.

use super::Test;
use super::condition::{Condition, Operator};
use crate::field_path::FieldPath as Path;
use crate::item_fields::{FieldRange, is_indexable};

/// What holds for every value that satisfies the filter.
#[derive(Clone, Debug)]
pub(in crate::store) enum Need {
    Field(Probe),
    /// Of one of these lists, all.
    Any(Vec<Vec<Need>>),
}

/// Values with a field in one of some ranges.
#[derive(Clone, Debug)]
pub(in crate::store) struct Probe {
    pub(in crate::store) path: String,
    pub(in crate::store) ranges: Vec<FieldRange>,
}

impl Test {
    pub(super) fn needs(&self) -> Vec<Need> {
        match self {
            Self::All(all) => all.iter().flat_map(Self::needs).collect(),
            Self::Any(any) => {
                let each: Vec<_> = any.iter().map(Self::needs).collect();
                // A test that the index knows nothing of may be the one that holds.
                match each.iter().any(Vec::is_empty) {
                    true => Vec::new(),
                    false => vec![Need::Any(each)],
                }
            }
            Self::Not(_) => Vec::new(),
            Self::Field(path, condition) => condition.needs(path),
        }
    }
}

impl Condition {
    fn needs(&self, path: &Path) -> Vec<Need> {
        match self {
            Self::Fields(fields) => {
                let within = |(inner, of): &(Path, Self)| of.needs(&path.join(inner));
                fields.iter().flat_map(within).collect()
            }
            Self::All(all) => {
                let bounds = all.iter().filter_map(Self::range);
                let both = bounds.reduce(FieldRange::and);
                let rest = all.iter().filter(|of| of.range().is_none());
                let rest = rest.flat_map(|of| of.needs(path));
                need(path, both.map(|range| vec![range]))
                    .into_iter()
                    .chain(rest)
                    .collect()
            }
            Self::In(values) => {
                let ranges = values.iter().map(FieldRange::equal).collect();
                need(path, ranges).into_iter().collect()
            }
            Self::Contains(value) => need(path, FieldRange::containing(value))
                .into_iter()
                .collect(),
            one => {
                let range = one.range().map(|range| vec![range]);
                need(path, range).into_iter().collect()
            }
        }
    }

    /// The range that a comparison says.
    fn range(&self) -> Option<FieldRange> {
        let Self::Is(operator, operand) = self else {
            return None;
        };
        match operator {
            Operator::Eq => FieldRange::equal(operand),
            Operator::Gt | Operator::Gte => FieldRange::at_least(operand),
            Operator::Lt | Operator::Lte => FieldRange::at_most(operand),
        }
    }
}

fn need(path: &Path, ranges: Option<Vec<FieldRange>>) -> Option<Need> {
    let path = Some(path).filter(|path| is_indexable(path))?.text();
    ranges.map(|ranges| Need::Field(Probe { path, ranges }))
}

impl Need {
    /// The paths of the fields that it is about, each once.
    pub(in crate::store) fn paths(&self) -> Vec<String> {
        let mut paths = match self {
            Self::Field(probe) => vec![probe.path.clone()],
            Self::Any(any) => any.iter().flatten().flat_map(Self::paths).collect(),
        };
        paths.sort();
        paths.dedup();
        paths
    }
}
