//! Archives whose time is over, by a clock that the test sets: on an embedded database the machine's counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use reinstate_engine::Clock;
use reinstate_jobs::SystemClock;
use serde_json::json;

use super::BACKEND;
use crate::harness::TestServer;

const HOUR_MICROS: i64 = 3_600_000_000;

/// The machine's clock, put forward.
#[derive(Debug, Default)]
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now_micros(&self) -> i64 {
        SystemClock.now_micros() + self.0.load(Ordering::SeqCst)
    }
}

#[actix_web::test]
async fn an_archive_is_there_until_its_day_is_over_and_then_gone() {
    let clock = Arc::new(Ahead::default());
    let told = Arc::clone(&clock);
    let server = TestServer::start_with(BACKEND, |settings| settings.clock = told).await;
    let session = server.session("alpha", "full");
    session.orders(&["a"]).await;
    let run = session.extract(json!({ "name": "Short", "retention_days": 1 })).await;
    let artifact = session.artifacts(&run).await[0]["id"].as_str().unwrap().to_owned();
    let paths = [
        format!("/api/extracts/runs/{}/download", run["id"].as_str().unwrap()),
        format!("/api/extracts/artifacts/{artifact}/download"),
    ];
    clock.0.store(23 * HOUR_MICROS, Ordering::SeqCst);
    for path in &paths {
        assert_eq!(session.get(path).await.status, 200, "{path}");
    }
    // Nobody is given it from then on, whether or not the file was removed yet.
    clock.0.store(25 * HOUR_MICROS, Ordering::SeqCst);
    for path in &paths {
        session.get(path).await.refused(410, "GONE");
    }
    assert_eq!(session.wait_for_extract(run["id"].as_str().unwrap()).await["status"], "completed");
}
