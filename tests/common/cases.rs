//! How many random cases are tried.

use proptest::test_runner::Config;

/// So many as a rule, and as many as `PROPTEST_CASES` says if it is set.
pub(crate) fn cases(usual: u32) -> Config {
    let mut config = Config::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = usual;
    }
    config
}
