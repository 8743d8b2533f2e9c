//! [`Similarity`]: how near vectors are to one.

use fearless_simd::{Level, Simd, SimdBase, SimdFloat, dispatch};

use crate::embedder::Metric;

/// How near vectors are to `query`.
pub(crate) struct Similarity<'q> {
    level: Level,
    metric: Metric,
    query: &'q [f32],
    length: f64,
}

impl<'q> Similarity<'q> {
    pub(crate) fn new(metric: Metric, query: &'q [f32]) -> Self {
        let level = Level::new();
        let (_, square) = dispatch!(level, simd => products(simd, query, query));
        Self {
            level,
            metric,
            query,
            length: f64::from(square).sqrt(),
        }
    }

    /// The score of `vector`, which has as many elements.
    pub(crate) fn of(&self, vector: &[f32]) -> f64 {
        let query = self.query;
        let score = match self.metric {
            Metric::Distance => {
                let square = dispatch!(self.level, simd => distance(simd, query, vector));
                -f64::from(square).sqrt()
            }
            Metric::Dot => {
                let (dot, _) = dispatch!(self.level, simd => products(simd, query, vector));
                f64::from(dot)
            }
            Metric::Cosine => {
                let (dot, square) = dispatch!(self.level, simd => products(simd, query, vector));
                f64::from(dot) / (self.length * f64::from(square).sqrt())
            }
        };
        // Without a length there is no angle.
        if score.is_nan() { 0.0 } else { score }
    }
}

/// A vector among others of the same length, which is the nearer to another one the less their distance is. The order is that of the scores.
#[cfg(feature = "ann")]
#[derive(Clone)]
pub(crate) struct Point {
    level: Level,
    metric: Metric,
    vector: std::sync::Arc<[f32]>,
    /// One part of its length; 0 if it has none.
    scale: f32,
}

#[cfg(feature = "ann")]
impl Point {
    pub(crate) fn new(metric: Metric, vector: std::sync::Arc<[f32]>) -> Self {
        let level = Level::new();
        let (square, _) = dispatch!(level, simd => products(simd, &vector, &vector));
        let scale = if square > 0.0 {
            square.sqrt().recip()
        } else {
            0.0
        };
        Self {
            level,
            metric,
            vector,
            scale,
        }
    }
}

#[cfg(feature = "ann")]
impl Point {
    pub(crate) fn distance(&self, other: &Self) -> f32 {
        let (a, b) = (&self.vector, &other.vector);
        let dot = || dispatch!(self.level, simd => product(simd, a, b));
        match self.metric {
            Metric::Distance => dispatch!(self.level, simd => distance(simd, a, b)),
            Metric::Cosine => 1.0 - dot() * self.scale * other.scale,
            Metric::Dot => -dot(),
        }
    }
}

/// The inner products of two vectors, and of the second one with itself.
#[inline(always)]
fn products<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> (f32, f32) {
    let [mut ab, mut more_ab, mut bb, mut more_bb] = [S::f32s::splat(simd, 0.0); 4];
    let width = S::f32s::LEN;
    let mut a = a.chunks_exact(2 * width);
    let mut b = b.chunks_exact(2 * width);
    for (a, b) in (&mut a).zip(&mut b) {
        let (a, more_a) = a.split_at(width);
        let (b, more_b) = b.split_at(width);
        let (a, b) = (S::f32s::from_slice(simd, a), S::f32s::from_slice(simd, b));
        ab = a.mul_add(b, ab);
        bb = b.mul_add(b, bb);
        let a = S::f32s::from_slice(simd, more_a);
        let b = S::f32s::from_slice(simd, more_b);
        more_ab = a.mul_add(b, more_ab);
        more_bb = b.mul_add(b, more_bb);
    }
    let (mut ab, mut bb) = (sum::<S>(ab + more_ab), sum::<S>(bb + more_bb));
    for (a, b) in a.remainder().iter().zip(b.remainder()) {
        ab += a * b;
        bb += b * b;
    }
    (ab, bb)
}

/// The inner product of two vectors.
#[cfg(feature = "ann")]
#[inline(always)]
fn product<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [S::f32s::splat(simd, 0.0); 4];
    let width = S::f32s::LEN;
    let mut a = a.chunks_exact(4 * width);
    let mut b = b.chunks_exact(4 * width);
    for (a, b) in (&mut a).zip(&mut b) {
        let parts = a.chunks_exact(width).zip(b.chunks_exact(width));
        for (sum, (a, b)) in sums.iter_mut().zip(parts) {
            *sum = S::f32s::from_slice(simd, a).mul_add(S::f32s::from_slice(simd, b), *sum);
        }
    }
    let [first, second, third, fourth] = sums;
    let rest = a.remainder().iter().zip(b.remainder());
    sum::<S>((first + second) + (third + fourth)) + rest.map(|(a, b)| a * b).sum::<f32>()
}

/// The square of the distance of two vectors.
#[inline(always)]
fn distance<S: Simd>(simd: S, a: &[f32], b: &[f32]) -> f32 {
    let mut squares = S::f32s::splat(simd, 0.0);
    let mut a = a.chunks_exact(S::f32s::LEN);
    let mut b = b.chunks_exact(S::f32s::LEN);
    for (a, b) in (&mut a).zip(&mut b) {
        let apart = S::f32s::from_slice(simd, a) - S::f32s::from_slice(simd, b);
        squares = apart.mul_add(apart, squares);
    }
    let rest = a.remainder().iter().zip(b.remainder());
    let rest: f32 = rest.map(|(a, b)| (a - b) * (a - b)).sum();
    sum::<S>(squares) + rest
}

#[inline(always)]
fn sum<S: Simd>(of: S::f32s) -> f32 {
    of.as_slice().iter().sum()
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn scores_are_what_arithmetic_says(pairs in vec((-9.0_f32..9.0, -9.0_f32..9.0), 1..200)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.iter().copied().unzip();
            let wide = |of: &dyn Fn(f64, f64) -> f64| -> f64 {
                pairs.iter().map(|(a, b)| of(f64::from(*a), f64::from(*b))).sum()
            };
            let dot = wide(&|a, b| a * b);
            let lengths = wide(&|a, _| a * a).sqrt() * wide(&|_, b| b * b).sqrt();
            let cosine = if lengths == 0.0 { 0.0 } else { dot / lengths };
            let apart = -wide(&|a, b| (a - b) * (a - b)).sqrt();
            let near = |metric, is: f64| {
                let score = Similarity::new(metric, &a).of(&b);
                (score - is).abs() <= 1e-4 * (1.0 + lengths)
            };
            prop_assert!(near(Metric::Dot, dot) && near(Metric::Cosine, cosine) && near(Metric::Distance, apart));
        }
    }

    #[test]
    fn what_has_no_length_has_no_angle() {
        assert_eq!(
            Similarity::new(Metric::Cosine, &[0.0; 3]).of(&[1.0; 3]),
            0.0
        );
        assert_eq!(
            Similarity::new(Metric::Cosine, &[1.0; 3]).of(&[0.0; 3]),
            0.0
        );
    }
}
