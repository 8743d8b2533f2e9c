//! What the types of fields must be able to do, per reducer. Must never know which channel a field is.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::graph::channels::held::Held;

/// The value of a channel as a field is read from it.
///
/// What is inside is the engine's business, so that a list can come to be something else than JSON.
#[derive(Clone, Copy, Debug)]
pub struct ChannelValue<'a>(Source<'a>);

#[derive(Clone, Copy, Debug)]
enum Source<'a> {
    Plain(&'a Value),
    Held(&'a Held),
}

impl ChannelValue<'_> {
    /// The value itself, without a copy where that is possible.
    pub(super) fn share(self) -> Held {
        match self.0 {
            Source::Plain(value) => value.clone().into(),
            Source::Held(held) => held.clone(),
        }
    }

    /// The value as a `T`.
    ///
    /// # Errors
    /// It does not have the shape of a `T`.
    pub fn to<T: DeserializeOwned>(self) -> Result<T, serde_json::Error> {
        match self.0 {
            Source::Plain(value) => T::deserialize(value),
            Source::Held(held) => T::deserialize(&**held.whole()),
        }
    }
}

impl<'a> From<&'a Value> for ChannelValue<'a> {
    fn from(value: &'a Value) -> Self {
        Self(Source::Plain(value))
    }
}

impl<'a> From<&'a Held> for ChannelValue<'a> {
    fn from(held: &'a Held) -> Self {
        Self(Source::Held(held))
    }
}

/// A type that a checkpoint can keep: any that implements serde's `Serialize` and `Deserialize`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be kept in a checkpoint",
    note = "derive serde's `Serialize` and `Deserialize` for it, or mark the field `#[state(untracked)]` to keep it \
            for the run only"
)]
pub trait SavedField: Serialize + DeserializeOwned {}

#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned> SavedField for T {}

/// What an `untracked` field can be: anything that tasks can share.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be shared by the tasks of a run",
    note = "an `untracked` field is `Clone + Send + Sync`; put it into an `Arc`"
)]
pub trait UntrackedField: Clone + Send + Sync + 'static {}

#[diagnostic::do_not_recommend]
impl<T: Clone + Send + Sync + 'static> UntrackedField for T {}

/// A list, for `append`, `messages` and `topic`: a type of its own may implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list",
    note = "`append`, `messages` and `topic` are for lists such as `Vec`; for numbers there is `add`, for strings \
            `concat`, for maps `merge`"
)]
pub trait ListField: Default {
    /// What it is a list of.
    type Item: SavedField;

    /// The list as the channel has it.
    ///
    /// # Errors
    /// The value is no list, or an element is no `Item`.
    fn from_channel(value: ChannelValue<'_>) -> Result<Self, serde_json::Error>;
}

impl<T: SavedField> ListField for Vec<T> {
    type Item = T;

    fn from_channel(value: ChannelValue<'_>) -> Result<Self, serde_json::Error> {
        value.to()
    }
}

impl<T: SavedField> ListField for VecDeque<T> {
    type Item = T;

    fn from_channel(value: ChannelValue<'_>) -> Result<Self, serde_json::Error> {
        value.to()
    }
}

impl<T: SavedField + Ord> ListField for BTreeSet<T> {
    type Item = T;

    fn from_channel(value: ChannelValue<'_>) -> Result<Self, serde_json::Error> {
        value.to()
    }
}

/// A number, for `add`: it starts from its default, and serialises as a JSON number.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be added up",
    note = "`add` is for numbers; for lists there is `append`, for strings `concat`, for maps `merge`"
)]
pub trait AddField: SavedField + Default {}

/// A text, for `concat`: it starts from its default, and serialises as a string.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be joined",
    note = "`concat` is for `String`; for lists there is `append`"
)]
pub trait ConcatField: SavedField + Default {}

impl ConcatField for String {}

/// A map, for `merge`: it starts from its default, and serialises as a JSON object.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be merged",
    note = "`merge` is for maps such as `BTreeMap<String, _>`; a struct of optional fields that are left out when they \
            are `None` may implement `MergeField`"
)]
pub trait MergeField: SavedField + Default {}

/// A number or string, for `max` and `min`: it serialises as such.
#[diagnostic::on_unimplemented(
    message = "there is no largest or smallest `{Self}`",
    note = "`max` and `min` are for numbers and strings"
)]
pub trait OrdField: SavedField {}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl AddField for $number {}
        impl OrdField for $number {}
    )*};
}

numbers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64);

impl OrdField for String {}

impl<K: Ord, V> MergeField for BTreeMap<K, V> where Self: SavedField {}
impl<K: Eq + Hash, V, H: BuildHasher + Default> MergeField for HashMap<K, V, H> where
    Self: SavedField
{
}
impl MergeField for serde_json::Map<String, Value> {}
