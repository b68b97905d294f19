//! Gauges that are looked up when somebody asks, and belong to that one scrape alone: two scrapes at
//! once can't mix what they found.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use super::process;
use crate::model::Timestamp;

/// Names and values. Whoever makes them bounds how many there are.
pub type Labels = Vec<(&'static str, String)>;

type Value = Gauge<f64, AtomicU64>;

/// What was found for one scrape.
#[derive(Debug, Default)]
pub struct Snapshot(Registry);

impl Snapshot {
    /// What every process tells of itself; it began at `start`.
    pub fn of_process(start: Timestamp) -> Self {
        let mut snapshot = Self::default();
        let build = vec![("version", env!("CARGO_PKG_VERSION").to_owned())];
        snapshot.gauges("mailwright_build_info", "What is running", [(build, 1.0)]);
        // Exact: microseconds since 1970 are below 2^53.
        let began = start.unix_micros() as f64 / 1e6;
        snapshot.gauge(
            "process_start_time_seconds",
            "When the process began, in seconds since 1970",
            began,
        );
        let about = process::usage();
        for (name, help, value) in [
            ("process_open_fds", "Open files and sockets", about.open_fds),
            ("process_max_fds", "How many may be open", about.max_fds),
            (
                "process_resident_memory_bytes",
                "Memory that is resident",
                about.resident_bytes,
            ),
        ] {
            if let Some(value) = value {
                snapshot.gauge(name, help, value as f64);
            }
        }
        snapshot
    }

    /// One value without labels.
    pub fn gauge(&mut self, name: &str, help: &str, value: f64) {
        let gauge = Value::default();
        gauge.set(value);
        self.0.register(name, help, gauge);
    }

    /// One value by labels; without any, nothing is told.
    pub fn gauges(
        &mut self,
        name: &str,
        help: &str,
        values: impl IntoIterator<Item = (Labels, f64)>,
    ) {
        let family = Family::<Labels, Value>::default();
        for (labels, value) in values {
            family.get_or_create(&labels).set(value);
        }
        self.0.register(name, help, family);
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.0
    }
}
