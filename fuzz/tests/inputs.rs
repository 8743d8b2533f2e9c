//! Every seed, and every input that once failed, in its target.

use std::fs;
use std::path::Path;

use stepwell_fuzz::targets::TARGETS;

fn inputs(folder: &str, target: &str) -> Vec<(String, Vec<u8>)> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join(folder)
        .join(target);
    let Ok(entries) = fs::read_dir(dir) else {
        return Vec::new();
    };
    let inputs = entries.map(|entry| {
        let path = entry.unwrap().path();
        (path.display().to_string(), fs::read(path).unwrap())
    });
    inputs.collect()
}

#[test]
fn no_seed_and_nothing_that_once_failed_fails() {
    for (target, run) in TARGETS {
        let seeds = inputs("seeds", target);
        assert!(!seeds.is_empty(), "{target} has no seeds");
        for (name, input) in seeds.into_iter().chain(inputs("regressions", target)) {
            println!("{name}");
            run(&input);
        }
        run(&[]);
    }
}
