//! The figures of [`DbStats`] for the `metrics` facade.

use metrics::{counter, gauge};

use crate::db::DbStats;

impl DbStats {
    /// Tells the recorder that the program has installed, under names that begin with `stepwell_`. To be called every now
    /// and then with fresh [stats](crate::db::Db::stats).
    pub fn record(&self) {
        let counts = [
            ("stepwell_commits_total", self.log.commits),
            ("stepwell_commits_read_total", self.commits_read),
            ("stepwell_cache_hits_total", self.cache.hits),
            ("stepwell_cache_misses_total", self.cache.misses),
            ("stepwell_block_cache_hits_total", self.blocks.hits),
            ("stepwell_block_cache_misses_total", self.blocks.misses),
            ("stepwell_index_look_ups_total", self.index.look_ups),
            ("stepwell_index_pages_read_total", self.index.pages_read),
            (
                "stepwell_back_pressure_waits_total",
                self.back_pressure.waits,
            ),
            (
                "stepwell_compacted_segments_total",
                self.compaction.segments,
            ),
            (
                "stepwell_compaction_failures_total",
                self.compaction.failures,
            ),
            (
                "stepwell_compaction_bytes_before_total",
                self.compaction.bytes_before,
            ),
            (
                "stepwell_compaction_bytes_after_total",
                self.compaction.bytes_after,
            ),
        ];
        for (name, value) in counts {
            counter!(name).absolute(value);
        }
        let waited = self.back_pressure.waited;
        gauge!("stepwell_back_pressure_seconds_sum").set(waited);
        // A summary: what scrapers expect of one.
        let latency = self.log.sync_latency;
        for (quantile, time) in [("0.5", latency.p50), ("0.99", latency.p99)] {
            gauge!("stepwell_sync_seconds", "quantile" => quantile).set(time);
        }
        counter!("stepwell_sync_seconds_count").absolute(latency.count);
        gauge!("stepwell_sync_seconds_sum").set(latency.sum);
        // A gauge is a float; beyond 2^53 the last digits do not matter.
        let counts = [
            ("stepwell_log_bytes", self.log.bytes),
            ("stepwell_log_dead_bytes", self.dead_bytes()),
            ("stepwell_log_live_bytes", self.live_bytes()),
            ("stepwell_cache_bytes", self.cache.bytes),
            ("stepwell_block_cache_bytes", self.blocks.bytes),
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
        // 13 totals, the waits, a summary of three parts, and 14 figures of what there is.
        assert_eq!(names.len(), 31);
        assert!(names.iter().all(|name| name.starts_with("stepwell_")));
    }
}
