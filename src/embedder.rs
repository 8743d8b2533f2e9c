//! [`Embedder`]: what makes vectors of texts, and [`Metric`]: how vectors are compared.
//!
//! This module must never know whose texts they are.

use std::error::Error;

use futures::FutureExt;
use futures::future::BoxFuture;

/// Vectors, or why there are none.
pub type Embedding<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Makes vectors of texts, so that a store can search by meaning: a model in this process, or a service.
///
/// ```
/// use futures::FutureExt;
/// use futures::future::BoxFuture;
/// use stepwell::store::{Embedder, Embedding};
///
/// /// Texts are alike if they have the same letters.
/// struct Letters;
///
/// impl Embedder for Letters {
///     fn name(&self) -> &str {
///         "letters-1"
///     }
///
///     fn dimension(&self) -> usize {
///         26
///     }
///
///     fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Embedding<Vec<Vec<f32>>>> {
///         let letters = |text: &String| {
///             let mut counts = vec![0.0; 26];
///             for letter in text.to_lowercase().bytes().filter(u8::is_ascii_lowercase) {
///                 counts[usize::from(letter - b'a')] += 1.0;
///             }
///             counts
///         };
///         async move { Ok(texts.iter().map(letters).collect()) }.boxed()
///     }
/// }
/// ```
pub trait Embedder: Send + Sync + 'static {
    /// What is kept beside the vectors to tell which model made them: of another name when the model changes. Vectors of another
    /// name or dimension are not compared.
    fn name(&self) -> &str;

    /// How many elements its vectors have.
    fn dimension(&self) -> usize;

    /// A vector for each of `texts`, in their order. No text is in it twice, and it is never called without texts.
    fn embed(&self, texts: Vec<String>) -> BoxFuture<'_, Embedding<Vec<Vec<f32>>>>;

    /// The vector of what is searched for, for models that make others for questions than for answers.
    fn embed_query(&self, query: String) -> BoxFuture<'_, Embedding<Vec<f32>>> {
        let vectors = self.embed(vec![query]);
        async move {
            let mut vectors = vectors.await?;
            vectors
                .pop()
                .ok_or_else(|| "there is no vector for the query".into())
        }
        .boxed()
    }
}

/// How two vectors are compared; the greater the score, the nearer they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Metric {
    /// The cosine of the angle between them, from -1 to 1; 0 if one of them has no length.
    #[default]
    Cosine,
    /// Their inner product.
    Dot,
    /// Their distance, negated.
    Distance,
}
