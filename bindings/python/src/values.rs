//! Between Python's bytes, versions and metadata and the engine's.

use std::collections::BTreeMap;

use bytes::Bytes;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::{PyBytes, PyDict, PyFloat, PyInt, PyString};
use serde_json::{Map, Value};
use stepwell::Encoded;
use stepwell::checkpoint::{ChannelVersion, Metadata, Source};

use crate::failure::{Failure, Outcome};

/// Shorter values are copied, longer ones shared with Python.
const SHARED: usize = 4096;

/// A value as the serializer made it.
pub(crate) fn encoded(tag: &str, bytes: PyBackedBytes) -> Encoded {
    if bytes.len() < SHARED {
        Encoded::new(tag, Bytes::copy_from_slice(&bytes))
    } else {
        Encoded::new(tag, Bytes::from_owner(bytes))
    }
}

pub(crate) fn to_bytes<'py>(py: Python<'py>, value: &Encoded) -> Bound<'py, PyBytes> {
    PyBytes::new(py, value.bytes())
}

/// Versions as Python has them: by channel.
pub(crate) fn versions(dict: &Bound<'_, PyDict>) -> Outcome<BTreeMap<String, ChannelVersion>> {
    let versions = dict.iter().map(|(channel, version)| {
        let channel = channel.extract::<String>()?;
        Ok((channel, to_version(&version)?))
    });
    versions.collect()
}

/// Versions by node.
pub(crate) fn versions_seen(
    dict: &Bound<'_, PyDict>,
) -> Outcome<BTreeMap<String, BTreeMap<String, ChannelVersion>>> {
    let nodes = dict.iter().map(|(node, seen)| {
        let seen = seen
            .cast::<PyDict>()
            .map_err(|e| Failure::Raised(e.into()))?;
        Ok((node.extract::<String>()?, versions(seen)?))
    });
    nodes.collect()
}

/// The engine has counters and texts. A text that begins with NUL stands for what else Python has: `f` and a float,
/// `i` and an integer that is no counter, `s` and a text that begins with NUL, `n` for `None`.
fn to_version(version: &Bound<'_, PyAny>) -> Outcome<ChannelVersion> {
    if version.is_none() {
        return Ok(ChannelVersion::Text("\0n".to_owned()));
    }
    if let Ok(text) = version.cast::<PyString>() {
        let text = text.to_cow()?;
        return Ok(ChannelVersion::Text(if text.starts_with('\0') {
            format!("\0s{text}")
        } else {
            text.into_owned()
        }));
    }
    if version.is_instance_of::<PyInt>() {
        return Ok(match version.extract::<u64>() {
            Ok(counter) => ChannelVersion::Int(counter),
            Err(_) => ChannelVersion::Text(format!("\0i{}", version.str()?.to_cow()?)),
        });
    }
    if version.is_instance_of::<PyFloat>() {
        return Ok(ChannelVersion::Text(format!(
            "\0f{}",
            version.repr()?.to_cow()?
        )));
    }
    Err(Failure::Raised(PyTypeError::new_err(
        "a channel's version is an int, a float, a str or None",
    )))
}

pub(crate) fn from_versions<'py>(
    py: Python<'py>,
    versions: &BTreeMap<String, ChannelVersion>,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    for (channel, version) in versions {
        dict.set_item(channel, from_version(py, version)?)?;
    }
    Ok(dict)
}

fn from_version<'py>(py: Python<'py>, version: &ChannelVersion) -> PyResult<Bound<'py, PyAny>> {
    let text = match version {
        ChannelVersion::Int(counter) => return Ok(counter.into_pyobject(py)?.into_any()),
        ChannelVersion::Text(text) => text,
    };
    let string = |text: &str| PyString::new(py, text).into_any();
    let Some(special) = text.strip_prefix('\0') else {
        return Ok(string(text));
    };
    match (special.get(..1), special.get(1..)) {
        (Some("f"), Some(float)) => py.get_type::<PyFloat>().call1((float,)),
        (Some("i"), Some(int)) => py.get_type::<PyInt>().call1((int,)),
        (Some("s"), Some(text)) => Ok(string(text)),
        (Some("n"), Some("")) => Ok(py.None().into_bound(py)),
        _ => Ok(string(text)),
    }
}

/// Metadata from a JSON object.
pub(crate) fn metadata(json: &[u8]) -> Outcome<Metadata> {
    let mut extra: Map<String, Value> = serde_json::from_slice(json)?;
    let source = match extra.get("source").and_then(Value::as_str) {
        Some("input") => Some(Source::Input),
        Some("loop") => Some(Source::Loop),
        Some("update") => Some(Source::Update),
        Some("fork") => Some(Source::Fork),
        _ => None,
    };
    if source.is_some() {
        extra.remove("source");
    }
    let step = extra.get("step").and_then(Value::as_i64);
    if step.is_some() {
        extra.remove("step");
    }
    let parents = match extra.get("parents") {
        Some(Value::Object(parents)) => {
            let parents = parents
                .iter()
                .map(|(ns, id)| Some((ns.clone(), id.as_str()?.to_owned())));
            parents.collect::<Option<BTreeMap<_, _>>>()
        }
        _ => None,
    };
    if parents.is_some() {
        extra.remove("parents");
    }
    Ok(Metadata {
        source,
        step,
        parents: parents.unwrap_or_default(),
        extra,
    })
}
