//! The figures of [`DbStats`] for the `metrics` facade.

use metrics::{counter, gauge};

use crate::db::DbStats;

impl DbStats {
    /// Tells the recorder that the program has installed, under names that begin with `stepwell_`. To be called every now
    /// and then with fresh [stats](crate::db::Db::stats).
    pub fn record(&self) {
        let compaction = &self.compaction;
        let totals = [
            ("stepwell_commits_total", self.log.commits),
            ("stepwell_syncs_total", self.log.syncs),
            ("stepwell_compacted_bytes_total", compaction.bytes_before),
            ("stepwell_compaction_failures_total", compaction.failures),
        ];
        for (name, value) in totals {
            counter!(name).absolute(value);
        }
        let latency = self.log.sync_latency;
        gauge!("stepwell_sync_seconds_mean").set(latency.mean);
        gauge!("stepwell_sync_seconds_p50").set(latency.p50);
        gauge!("stepwell_sync_seconds_p99").set(latency.p99);
        // A gauge is a float; beyond 2^53 the last digits do not matter.
        let counts = [
            ("stepwell_log_bytes", self.log.bytes),
            ("stepwell_log_dead_bytes", self.dead_bytes()),
            ("stepwell_log_bound_bytes", self.bound_bytes()),
            ("stepwell_log_segments", self.log.segments),
            ("stepwell_threads", self.threads),
            ("stepwell_checkpoints", self.checkpoints),
            ("stepwell_items", self.items),
            ("stepwell_index_rows_in_memory", self.index.rows_in_memory),
            ("stepwell_index_bytes_in_memory", self.index.bytes_in_memory),
            ("stepwell_index_lag_records", self.index.lag),
            ("stepwell_index_file_bytes", self.index.file_bytes),
        ];
        for (name, value) in counts {
            gauge!(name).set(value as f64);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Mutex;

    use metrics::{
        Counter, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };

    use crate::db::Db;

    /// Remembers the names that it is told.
    #[derive(Default)]
    struct Names(Mutex<BTreeSet<String>>);

    impl Recorder for Names {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            self.0.lock().unwrap().insert(key.name().to_owned());
            Counter::noop()
        }

        fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
            self.0.lock().unwrap().insert(key.name().to_owned());
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn all_figures_are_told_under_names_of_their_own() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(dir.path()).unwrap();
        let names = Names::default();
        metrics::with_local_recorder(&names, || db.stats().unwrap().record());
        let names = names.0.into_inner().unwrap();
        assert_eq!(names.len(), 18);
        assert!(names.iter().all(|name| name.starts_with("stepwell_")));
    }
}
