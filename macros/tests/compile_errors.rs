//! Mistakes are compile errors that say what to do. The messages are kept beside the programs; a new compiler
//! may word its part otherwise: `TRYBUILD=overwrite cargo test -p stepwell-macros`.
//!
//! They stand here since what they are compiled with is compiled once more for them: the crate alone, without its features.

#[test]
fn mistakes_are_compile_errors_that_say_what_to_do() {
    trybuild::TestCases::new().compile_fail("tests/trybuild/*.rs");
}
