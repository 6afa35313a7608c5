//! Figures for Prometheus, in a registry of their own: two servers in one process do not mix.

use std::time::Duration;

use actix_web::http::Method;
use prometheus::core::Collector;
use prometheus::{
    Encoder, Gauge, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Upper bounds of the latency buckets in seconds: reads answer in milliseconds, uploads may take minutes.
const LATENCY_BUCKETS_S: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 300.0];

/// The figures that are gathered request by request.
pub(crate) struct Metrics {
    registry: Registry,
    requests: HistogramVec,
}

/// What is read anew for each look at the figures.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Snapshot {
    /// Restores that ended, by status and strategy.
    pub(crate) runs: Vec<(&'static str, &'static str, u64)>,
    /// Extracts that ended, by status.
    pub(crate) extracts: Vec<(&'static str, u64)>,
    /// Records of those runs, by outcome.
    pub(crate) records: Vec<(&'static str, u64)>,
    /// Runs that wait.
    pub(crate) queue_depth: i64,
    /// Seconds that the oldest of them waits.
    pub(crate) queue_age_s: f64,
    /// Workers that have a run.
    pub(crate) workers_busy: usize,
    /// Workers in all.
    pub(crate) workers: usize,
    /// Connections by pool and state.
    pub(crate) pool: Vec<(&'static str, &'static str, u32)>,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let latency =
            HistogramOpts::new("reinstate_http_request_duration_seconds", "Time from request to answer")
                .buckets(LATENCY_BUCKETS_S.to_vec());
        let registry = Registry::new();
        let requests = registered(&registry, HistogramVec::new(latency, &["method", "route", "status"]))?;
        Ok(Self { registry, requests })
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
    pub(crate) fn text(&self, snapshot: &Snapshot) -> Result<String, prometheus::Error> {
        let mut families = self.registry.gather();
        families.extend(snapshot.registry()?.gather());
        let mut text = Vec::new();
        TextEncoder::new().encode(&families, &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

impl Snapshot {
    /// The figures in a registry made for one look, so that looks at the same time do not disturb each other.
    fn registry(&self) -> Result<Registry, prometheus::Error> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| {
            registered(&registry, IntCounterVec::new(Opts::new(name, help), labels))
        };
        let runs =
            counters("reinstate_runs_total", "Restores that ended in this process", &["status", "strategy"])?;
        for (status, strategy, count) in &self.runs {
            runs.with_label_values(&[*status, *strategy]).inc_by(*count);
        }
        let extracts =
            counters("reinstate_extract_runs_total", "Extracts that ended in this process", &["status"])?;
        for (status, count) in &self.extracts {
            extracts.with_label_values(&[*status]).inc_by(*count);
        }
        let records =
            counters("reinstate_records_total", "Records of the restores that ended", &["outcome"])?;
        for (outcome, count) in &self.records {
            records.with_label_values(&[*outcome]).inc_by(*count);
        }
        let pool = IntGaugeVec::new(
            Opts::new("reinstate_pool_connections", "Database connections"),
            &["pool", "state"],
        );
        let pool = registered(&registry, pool)?;
        for (name, state, count) in &self.pool {
            pool.with_label_values(&[*name, *state]).set((*count).into());
        }
        let age = Gauge::new("reinstate_queue_oldest_seconds", "How long the oldest queued run waits");
        registered(&registry, age)?.set(self.queue_age_s);
        let gauge = |name: &str, help: &str| registered(&registry, IntGauge::new(name, help));
        gauge("reinstate_queue_depth", "Runs that wait for a worker")?.set(self.queue_depth);
        let workers = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        gauge("reinstate_workers_busy", "Workers of this process that have a run")?
            .set(workers(self.workers_busy));
        gauge("reinstate_workers", "Workers of this process")?.set(workers(self.workers));
        Ok(registry)
    }
}

fn registered<C: Collector + Clone + 'static>(
    registry: &Registry,
    collector: Result<C, prometheus::Error>,
) -> Result<C, prometheus::Error> {
    let collector = collector?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}
