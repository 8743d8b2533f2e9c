//! Mistakes are compile errors that say what to do. The messages are kept beside the programs; a new compiler
//! may word its part otherwise: `TRYBUILD=overwrite cargo test --test typed compile_errors`.

#[test]
fn mistakes_are_compile_errors_that_say_what_to_do() {
    trybuild::TestCases::new().compile_fail("tests/trybuild/*.rs");
}
