#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| stepwell_fuzz::targets::run("segment_header", input));
