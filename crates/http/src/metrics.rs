//! Figures for Prometheus, in a registry of their own: two servers in one process do not mix.

use std::time::Duration;

use actix_web::http::Method;
use prometheus::{Encoder, Gauge, GaugeVec, HistogramOpts, HistogramVec, Opts, Registry, TextEncoder};

/// Upper bounds of the latency buckets in seconds: reads answer in milliseconds, uploads may take minutes.
const LATENCY_BUCKETS_S: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0];

/// The figures.
pub(crate) struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    runs: GaugeVec,
    records: GaugeVec,
    queue_depth: Gauge,
    queue_age: Gauge,
    workers_busy: Gauge,
    workers: Gauge,
    pool: GaugeVec,
}

/// What is read anew for each look at the figures.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Snapshot {
    /// Runs by status and strategy.
    pub(crate) runs: Vec<(&'static str, &'static str, u64)>,
    /// Records by outcome.
    pub(crate) records: Vec<(&'static str, u64)>,
    /// Runs that wait.
    pub(crate) queue_depth: u64,
    /// Seconds that the oldest of them waits.
    pub(crate) queue_age_s: f64,
    /// Workers that have a run.
    pub(crate) workers_busy: u64,
    /// Workers in all.
    pub(crate) workers: u64,
    /// Connections by pool and state.
    pub(crate) pool: Vec<(&'static str, &'static str, u64)>,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let latency =
            HistogramOpts::new("reinstate_http_request_duration_seconds", "Time from request to answer")
                .buckets(LATENCY_BUCKETS_S.to_vec());
        let gauges = |name: &str, help: &str, labels: &[&str]| GaugeVec::new(Opts::new(name, help), labels);
        let metrics = Self {
            requests: HistogramVec::new(latency, &["method", "route", "status"])?,
            runs: gauges("reinstate_runs", "Runs on record", &["status", "strategy"])?,
            records: gauges("reinstate_run_records", "Records of all runs on record", &["outcome"])?,
            queue_depth: Gauge::new("reinstate_queue_depth", "Runs that wait for a worker")?,
            queue_age: Gauge::new("reinstate_queue_oldest_seconds", "How long the oldest queued run waits")?,
            workers_busy: Gauge::new("reinstate_workers_busy", "Workers of this process that have a run")?,
            workers: Gauge::new("reinstate_workers", "Workers of this process")?,
            pool: gauges("reinstate_pool_connections", "Database connections", &["pool", "state"])?,
            registry,
        };
        metrics.register()?;
        Ok(metrics)
    }

    fn register(&self) -> Result<(), prometheus::Error> {
        self.registry.register(Box::new(self.requests.clone()))?;
        for gauges in [&self.runs, &self.records, &self.pool] {
            self.registry.register(Box::new(gauges.clone()))?;
        }
        for gauge in [&self.queue_depth, &self.queue_age, &self.workers_busy, &self.workers] {
            self.registry.register(Box::new(gauge.clone()))?;
        }
        Ok(())
    }

    /// Counts an answered request.
    pub(crate) fn observe(&self, method: &Method, route: &str, status: u16, took: Duration) {
        // Methods are the client's to choose: unknown ones share one label, or labels would grow without end.
        let method = match method.as_str() {
            known @ ("GET" | "HEAD" | "POST" | "PUT" | "PATCH" | "DELETE" | "OPTIONS") => known,
            _ => "other",
        };
        self.requests.with_label_values(&[method, route, &status.to_string()]).observe(took.as_secs_f64());
    }

    /// The text that Prometheus reads.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    pub(crate) fn text(&self, snapshot: &Snapshot) -> Result<String, prometheus::Error> {
        self.runs.reset();
        for (status, strategy, count) in &snapshot.runs {
            self.runs.with_label_values(&[*status, *strategy]).set(*count as f64);
        }
        for (outcome, count) in &snapshot.records {
            self.records.with_label_values(&[*outcome]).set(*count as f64);
        }
        self.pool.reset();
        for (pool, state, count) in &snapshot.pool {
            self.pool.with_label_values(&[*pool, *state]).set(*count as f64);
        }
        self.queue_depth.set(snapshot.queue_depth as f64);
        self.queue_age.set(snapshot.queue_age_s);
        self.workers_busy.set(snapshot.workers_busy as f64);
        self.workers.set(snapshot.workers as f64);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
