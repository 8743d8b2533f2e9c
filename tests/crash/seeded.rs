//! A seed makes the same run, call for call.

use stepwell::testing::Operation;

use crate::random;

#[test]
fn one_seed_makes_one_run_of_the_whole_engine() {
    for seed in 0..12 {
        let trace = || {
            let mut trace = Vec::new();
            let done = random::traced(seed, &mut |fs| trace.extend(fs.trace()));
            (done, trace)
        };
        let ((done, first), (again, second)) = (trace(), trace());
        let differs = first.iter().zip(&second).find(|(one, other)| one != other);
        let shown = |of: (&Operation, &Operation)| format!("{}\n{}", of.0, of.1);
        assert_eq!(differs.map(shown), None, "seed {seed}");
        assert_eq!((done, first.len()), (again, second.len()), "seed {seed}");
        assert!(!first.is_empty());
    }
}
