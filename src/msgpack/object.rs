//! [`Object`]: what the payload of an extension type says about an object of Python.

use crate::msgpack::{Malformed, Reader, Token};

/// `Class(arg)`.
pub(crate) const SINGLE: i8 = 0;
/// `Class(*args)`.
pub(crate) const POSITIONAL: i8 = 1;
/// `Class(**kwargs)`. The next one, 3, is `Class.method(arg)`.
pub(crate) const KEYWORDS: i8 = 2;
/// `Class(**kwargs)`, of a model of pydantic's first version.
pub(crate) const MODEL_1: i8 = 4;
/// `Class(**kwargs)`, of a model of pydantic's second version.
pub(crate) const MODEL_2: i8 = 5;
pub(crate) const ARRAY: i8 = 6;
pub(crate) const SNAPSHOT: i8 = 7;

/// How an object was to be made again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Object<'a> {
    pub(crate) code: i8,
    pub(crate) module: &'a str,
    pub(crate) name: &'a str,
    /// What it is made from: one value, a list or a map.
    pub(crate) arg: &'a [u8],
    pub(crate) method: Option<&'a str>,
}

impl<'a> Object<'a> {
    /// The object of an extension type, if it is one that names a class.
    pub(crate) fn of(code: i8, payload: &'a [u8]) -> Result<Self, Malformed> {
        if !(SINGLE..=MODEL_2).contains(&code) {
            return Err(Malformed::Kind("an extension type"));
        }
        let mut reader = Reader::new(payload);
        let parts = reader.expect_list("an object")?;
        if parts < 3 {
            return Err(Malformed::Missing("what it is made from"));
        }
        let module = reader.expect_text("a module")?;
        let name = reader.expect_text("a class")?;
        let arg = reader.value()?;
        let method = match parts {
            3 => None,
            _ => match reader.token()? {
                Token::Text(method) => Some(method),
                _ => None,
            },
        };
        Ok(Self {
            code,
            module,
            name,
            arg,
            method,
        })
    }

    pub(crate) fn is(&self, module: &str, name: &str) -> bool {
        self.module == module && self.name == name
    }

    /// The fields by name, if it is made from fields.
    pub(crate) fn fields(&self) -> Option<Vec<(&'a str, &'a [u8])>> {
        matches!(self.code, KEYWORDS | MODEL_1 | MODEL_2).then_some(())?;
        fields_of(self.arg)
    }

    /// Its arguments, if it is made from several.
    pub(crate) fn arguments(&self) -> Option<Vec<&'a [u8]>> {
        (self.code == POSITIONAL).then_some(())?;
        let mut reader = Reader::new(self.arg);
        let count = reader.expect_list("arguments").ok()?;
        (0..count).map(|_| reader.value().ok()).collect()
    }
}

/// The entries of a map whose keys are texts.
pub(crate) fn fields_of(map: &[u8]) -> Option<Vec<(&str, &[u8])>> {
    let mut reader = Reader::new(map);
    let count = reader.expect_map("fields").ok()?;
    let mut field = |_| {
        let key = reader.expect_text("a field").ok()?;
        Some((key, reader.value().ok()?))
    };
    (0..count).map(&mut field).collect()
}
