//! [`Walk`]: through JSON, without keeping it.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::scalar::ScalarKey;
use super::{Found, MAX_NAMES, MAX_PATH};
use crate::field_path::put_name;

/// Finds the scalars of a value.
pub(super) struct Walk<'w> {
    found: &'w mut Found,
    /// Where it is, as text.
    path: String,
    depth: usize,
    is_in_list: bool,
}

impl<'w> Walk<'w> {
    pub(super) fn whole(found: &'w mut Found) -> Self {
        Self {
            found,
            path: String::new(),
            depth: 0,
            is_in_list: false,
        }
    }

    fn add(self, scalar: impl FnOnce(bool) -> Option<ScalarKey>) {
        // A value without fields satisfies no condition on one.
        if self.depth > 0
            && let Some(scalar) = scalar(self.is_in_list)
        {
            self.found.add(&self.path, scalar);
        }
    }

    fn number(self, number: f64) {
        // Lists of numbers are vectors, which nobody looks into.
        self.add(|is_in_list| (!is_in_list).then(|| ScalarKey::number(number)));
    }
}

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.add(|is_in_list| Some(ScalarKey::bool(value, is_in_list)));
        Ok(())
    }

    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.number(value as f64);
        Ok(())
    }

    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.number(value as f64);
        Ok(())
    }

    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        self.number(value);
        Ok(())
    }

    fn visit_str<E>(self, value: &str) -> Result<(), E> {
        self.add(|is_in_list| Some(ScalarKey::text(value, is_in_list)));
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        if self.is_in_list || self.depth == 0 {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        loop {
            let element = Walk {
                found: &mut *self.found,
                path: self.path.clone(),
                depth: self.depth,
                is_in_list: true,
            };
            if list.next_element_seed(element)?.is_none() {
                return Ok(());
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(name) = map.next_key::<Cow<'de, str>>()? {
            let mut path = self.path.clone();
            if self.depth > 0 {
                path.push('.');
            }
            put_name(&mut path, &name);
            if self.is_in_list || self.depth == MAX_NAMES || path.len() > MAX_PATH {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            map.next_value_seed(Walk {
                found: &mut *self.found,
                path,
                depth: self.depth + 1,
                is_in_list: false,
            })?;
        }
        Ok(())
    }
}
