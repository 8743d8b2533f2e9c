//! Items by how near their vectors are to the query's.

use serde_json::Value;

use super::Only;
use super::list::{List, Scored};
use crate::index::{ItemEntry, ItemName, Key, Known, Row, Rows};
use crate::similarity::Similarity;
use crate::store::reading::Reading;
use crate::store::{Search, StoreError};

impl<H, T, V> Reading<'_, H, T, V>
where
    H: Clone,
    T: Rows<Key, Row<H>>,
    V: FnMut(&ItemEntry<H>) -> Result<Value, StoreError>,
{
    /// The items with vectors of the same model, each with the score of its nearest text.
    pub(super) fn by_meaning(&mut self, search: &Search, query: &str, only: &Only<H>) -> List {
        let Some(query) = self.queries.get(query) else {
            return List::of(Vec::new());
        };
        let all: Vec<_> = match only {
            Some(only) => (only.keys())
                .filter_map(|item| Some((item, self.vectors.get(item)?)))
                .collect(),
            None => self.vectors.below(&search.prefix).collect(),
        };
        self.scored(query, all)
    }

    /// The same, but only some items, nearly those with the best scores; `None` if all are to be compared.
    #[cfg(feature = "ann")]
    pub(super) fn near(&mut self, search: &Search, query: &str, only: &Only<H>) -> Option<List> {
        let query = self.queries.get(query)?;
        let above = self.options.approximate_above?;
        let metric = self.options.metric;
        // What has no triangles has no neighbours.
        let is_apt = metric != crate::embedder::Metric::Dot;
        let wanted = search.limit.saturating_add(search.offset);
        let candidates = match only {
            Some(only) => only.len(),
            None => {
                let below = self.vectors.below(&search.prefix);
                below.take(above.saturating_add(1)).count()
            }
        };
        if !is_apt || wanted > crate::index::FOUND / 2 || candidates <= above {
            return None;
        }
        let kind = crate::index::Kind {
            model: self.options.embeds_with()?.name().into(),
            dimension: query.len(),
            metric,
        };
        let nearest = self.vectors.nearest(&kind, query)?;
        let is_wanted = |(namespace, name): &ItemName| {
            let item = || (namespace.clone(), name.clone());
            namespace.starts_with(&search.prefix)
                && only.as_ref().is_none_or(|only| only.contains_key(&item()))
        };
        let nearest = nearest.iter().filter(|item| is_wanted(item));
        let nearest = nearest.filter_map(|item| Some((item, self.vectors.get(item)?)));
        let nearest = nearest.collect();
        Some(self.scored(query, nearest))
    }

    fn scored(&mut self, query: &[f32], items: Vec<(&ItemName, &Known)>) -> List {
        let similarity = Similarity::new(self.options.metric, query);
        let (mut compared, mut passed_over) = (0, 0);
        let list = items.into_iter().filter_map(|(item, known)| {
            if !self.is_of_model(known, query.len()) {
                passed_over += 1;
                return None;
            }
            let scores = known.vectors.fields.iter();
            let scores = scores.map(|(_, vector)| similarity.of(vector));
            compared += 1;
            Some(Scored {
                score: scores.max_by(f64::total_cmp)?,
                item: item.clone(),
            })
        });
        let list = list.collect();
        self.explain.vectors_compared += compared;
        self.explain.vectors_of_others += passed_over;
        List::of(list)
    }

    /// The score of each of an item's texts.
    pub(super) fn field_scores(&self, query: &str, item: &ItemName) -> Vec<(String, f64)> {
        let (Some(query), Some(known)) = (self.queries.get(query), self.vectors.get(item)) else {
            return Vec::new();
        };
        let similarity = Similarity::new(self.options.metric, query);
        let fields = known.vectors.fields.iter();
        fields
            .map(|(path, vector)| (path.to_string(), similarity.of(vector)))
            .collect()
    }

    /// Whether an item has vectors that are compared with the query's.
    pub(super) fn is_compared(&self, query: &str, item: &ItemName) -> bool {
        let (Some(query), Some(known)) = (self.queries.get(query), self.vectors.get(item)) else {
            return false;
        };
        self.is_of_model(known, query.len())
    }

    fn is_of_model(&self, known: &Known, dimension: usize) -> bool {
        let model = self.options.embeds_with().map(|of| of.name());
        model == Some(&*known.vectors.model) && known.vectors.dimension() == dimension
    }
}
