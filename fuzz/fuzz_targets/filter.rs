//! Any JSON is a filter or is refused, and any filter can be asked about any JSON value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use stepwell::store::Filter;

fuzz_target!(|input: (&str, &str)| {
    let (Ok(filter), Ok(value)) = (
        serde_json::from_str::<Value>(input.0),
        serde_json::from_str::<Value>(input.1),
    ) else {
        return;
    };
    if let Ok(filter) = Filter::from_json(&filter) {
        let _ = filter.matches(&value);
    }
});
