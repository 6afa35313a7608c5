//! The rows about the API while a restore runs: how long `GET` of the run takes, fifty times a second.
//!
//! Requests have their times, and what counts is from that time to the answer: one that waits for the one before it
//! pays for it.

use std::error::Error;
use std::time::Duration;

use reinstate_api::client::Client;
use reinstate_api::restore::RunStatus;
use tokio::time::{MissedTickBehavior, interval};

use crate::archives::Shape;
use crate::bench::{Backend, Bench};
use crate::data::Set;
use crate::report::{Goal, Row, note};
use crate::server::{Server, completed};

/// Time between two requests: fifty a second.
const EVERY: Duration = Duration::from_millis(20);

/// The longest of 99 in 100 waits.
const GOAL_MS: f64 = 20.0;

/// Measures both databases and adds their rows.
pub(crate) fn run(bench: &mut Bench) {
    for backend in Backend::ALL {
        let case = format!("{}, `GET` of the run while it restores, 50/s", backend.name());
        let row = measure(bench, backend).map(|mut waits| {
            waits.sort_unstable();
            let (p50, p99) = (quantile_ms(&waits, 0.5), quantile_ms(&waits, 0.99));
            let most = quantile_ms(&waits, 1.0);
            let measured =
                format!("p99 {p99:.1} ms (p50 {p50:.1}, longest {most:.1}, {} requests)", waits.len());
            let (figure, goal) = (Some((p99, String::new())), Goal::AtMost(GOAL_MS, "ms"));
            vec![Row { figure, goal, ..Row::told(case.clone(), measured) }]
        });
        bench.report.add_all(&case, row);
    }
}

/// Waits during restores of one server, each into an empty tenant.
fn measure(bench: &Bench, backend: Backend) -> Result<Vec<Duration>, Box<dyn Error>> {
    let archive = bench.archives.path(Shape::Orders { set: Set::First, records: bench.records })?;
    let folder = bench.folder()?;
    let database = match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(bench.database()?),
    };
    let server = Server::start(folder.path(), database.as_ref().map(|database| database.url.as_str()))?;
    let mut waits = Vec::new();
    for number in 0..bench.pairs {
        let client = server.client(&format!("bench{number}"))?;
        let run_id = server.import(&client, &archive)?;
        let found = server.runtime.block_on(watch(&client, &run_id))?;
        note(&format!("{}: {} requests while a restore ran", backend.name(), found.len()));
        waits.extend(found);
    }
    Ok(waits)
}

/// Asks for a run again and again until it ended, and answers how long each request took while it ran.
async fn watch(client: &Client, run_id: &str) -> Result<Vec<Duration>, Box<dyn Error>> {
    let (mut waits, mut times) = (Vec::new(), interval(EVERY));
    times.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        let asked = times.tick().await;
        let run = client.run(run_id).await?;
        if run.status.is_ended() {
            completed(run)?;
            return Ok(waits);
        }
        if run.status == RunStatus::Running {
            waits.push(asked.elapsed());
        }
    }
}

/// A quantile of waits that are sorted; not a number where there are none.
fn quantile_ms(waits: &[Duration], share: f64) -> f64 {
    let place = (waits.len() as f64 * share) as usize;
    waits.get(place.min(waits.len().saturating_sub(1))).map_or(f64::NAN, |wait| wait.as_secs_f64() * 1e3)
}
