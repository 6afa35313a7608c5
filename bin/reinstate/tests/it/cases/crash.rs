//! Servers that die in the middle of a run.
//!
//! `REINSTATE_TEST_CRASH_RECORDS` and `REINSTATE_TEST_CRASH_KILLS` make it as large as one likes.

use super::BACKEND;
use crate::archives;
use crate::place::Place;
use crate::runs::{completed, queue, setting, under_way};

/// A lease short enough that a test need not wait for it.
const SHORT_LEASE: [(&str, &str); 1] = [("REINSTATE_LEASE_S", "1")];

#[test]
fn a_server_killed_at_any_point_of_a_run_completes_it_once_after_a_restart() {
    let records = setting("REINSTATE_TEST_CRASH_RECORDS", 20_000);
    let kills = setting("REINSTATE_TEST_CRASH_KILLS", 3);
    let place = Place::new(BACKEND);
    let file = archives::write(place.folder(), records);
    let mut server = place.start(&SHORT_LEASE);
    for kill in 0..kills {
        let tenant = format!("tenant{kill}");
        let run_id = queue(&server.client(&tenant), &file);
        // From right after it was queued to shortly before its end.
        let progress = i64::try_from(kill * 95 / kills.max(2).saturating_sub(1)).unwrap();
        let before = under_way(&server.client(&tenant), &run_id, progress);
        server.kill();

        server = place.start(&SHORT_LEASE);
        let run = completed(&server.client(&tenant), &run_id, records);
        assert!(run.attempt <= 2, "killed at {} %, begun {} times", before.progress, run.attempt);
    }
}
