//! Archives larger than what any quick way gathers: more records than a batch may have, more bytes than a batch or a
//! copy may have, with repeated ids and values right at the borders and far behind them.

use reinstate_describe::record::{BATCH_BYTES_MAX, BATCH_ROWS_MAX};
use reinstate_engine::Strategy;

use super::Step;
use crate::harness::archive_of;

/// Records of a file of short ones: a full batch and a part of another.
const SHORT: usize = BATCH_ROWS_MAX + 100;

/// Bytes of a long text: a batch is full of some dozens of them.
const LONG_BYTES: usize = 8_000;

/// Records of a file of long ones: nine batches full of bytes, more than the 4 MiB that may wait for one copy.
const LONG: usize = 9 * BATCH_BYTES_MAX / LONG_BYTES;

const DESCRIBE: &str = "
plain:
  fields:
    note: { type: text }
    size: { type: integer, index: true }
coded:
  fields:
    note: { type: text }
    code: { type: text, unique: true }
long:
  fields:
    note: { type: text }
    tags: { type: \"text[]\", index: true }
";

/// A record by its place in the file; `id` and `code` are numbers, so that a case can let them meet others.
struct Record {
    id: usize,
    code: usize,
}

/// Files of the models `plain`, `coded` and `long`; `arrange` says which record stands at a place of a file.
fn archive(short: usize, long: usize, run: usize, arrange: impl Fn(usize) -> Record) -> Vec<u8> {
    let plain = |place| {
        let Record { id, .. } = arrange(place);
        match place % 3 {
            0 => format!("{{\"id\":\"{id}\",\"note\":\"{run}\",\"size\":{place}}}"),
            1 => format!("{{\"size\":null,\"id\":\"{id}\"}}"),
            _ => format!("{{\"id\":\"{id}\",\"note\":\"n{place}\",\"trashed_at\":\"2020-01-01\"}}"),
        }
    };
    let coded = |place| {
        let Record { id, code } = arrange(place);
        format!("{{\"id\":\"{id}\",\"note\":\"{run}\",\"code\":\"c{code}\"}}")
    };
    let text = "l".repeat(LONG_BYTES);
    let long_line = |place| {
        let Record { id, .. } = arrange(place);
        format!("{{\"id\":\"{id}\",\"note\":\"{run}{text}\",\"tags\":[\"{place}\"]}}")
    };
    let files = [
        ("plain", (0..short).map(plain).collect()),
        ("coded", (0..short).map(coded).collect()),
        ("long", (0..long).map(long_line).collect()),
    ];
    archive_of(DESCRIBE, &files)
}

fn step(strategy: Strategy, archive: Vec<u8>) -> Step {
    Step { strategy, archive, ..Step::default() }
}

/// Every id once; codes follow ids.
fn record(id: usize) -> Record {
    Record { id, code: id }
}

/// Ids in no order.
fn scattered(place: usize) -> Record {
    record(place * 2_741 % 8_192)
}

/// The first record of the second batch, and one behind it, have ids that were there before: that of the last before
/// the border, and that of the very first.
fn with_repeats(place: usize) -> Record {
    const BEHIND: usize = BATCH_ROWS_MAX + 7;
    match place {
        BATCH_ROWS_MAX => record(BATCH_ROWS_MAX - 1),
        BEHIND => record(0),
        _ => record(place),
    }
}

/// A code comes again in the next batch.
fn with_a_code_twice(place: usize) -> Record {
    let code = if place == BATCH_ROWS_MAX { BATCH_ROWS_MAX - 1 } else { place };
    Record { id: place, code }
}

/// Records in the descending order of their ids, of which one has a code that an earlier line of its batch has.
fn with_a_code_twice_downwards(place: usize) -> Record {
    let code = if place == 40 { 20 } else { place };
    Record { id: 999 - place, code }
}

/// In the descending order of ids each record takes the code that the record of the line before had.
fn with_codes_handed_down(place: usize) -> Record {
    let id = 999 - place;
    Record { id, code: if place == 0 { 5_000 } else { id + 1 } }
}

/// Filled in the order of ids and met again by the same, with repeats.
pub(super) fn in_order() -> Vec<Step> {
    vec![
        step(Strategy::Upsert, archive(SHORT, LONG, 0, with_repeats)),
        step(Strategy::Upsert, archive(SHORT, LONG, 1, |place| with_repeats(place + 1))),
        step(Strategy::Sync, archive(SHORT, 400, 2, |place| record(place * 2))),
        step(Strategy::Replace, archive(SHORT, LONG, 3, record)),
    ]
}

/// Filled in no order of ids, then mostly met again.
pub(super) fn in_no_order() -> Vec<Step> {
    vec![
        step(Strategy::Skip, archive(SHORT, LONG, 0, scattered)),
        step(Strategy::Skip, archive(SHORT, LONG, 1, |place| scattered(place + 50))),
        step(Strategy::Upsert, archive(SHORT, 0, 2, |place| scattered(place + 1_000))),
        step(Strategy::Replace, archive(SHORT, 0, 3, record)),
        step(Strategy::Upsert, archive(60, 0, 4, with_codes_handed_down)),
    ]
}

/// Runs that fail at a border or behind it, on an empty tenant and on one that is not.
pub(super) fn failing() -> Vec<Step> {
    let twice = |place| if place == BATCH_ROWS_MAX { scattered(17) } else { scattered(place) };
    vec![
        step(Strategy::Error, archive(SHORT, 0, 0, with_repeats)),
        step(Strategy::Upsert, archive(SHORT, 0, 1, with_a_code_twice)),
        step(Strategy::Upsert, archive(60, 0, 1, with_a_code_twice_downwards)),
        step(Strategy::Merge, archive(SHORT, 10, 2, record)),
        step(Strategy::Upsert, archive(60, 0, 2, with_a_code_twice_downwards)),
        step(Strategy::Replace, archive(SHORT, 0, 3, twice)),
        step(Strategy::Replace, archive(SHORT, 0, 4, with_a_code_twice)),
        step(Strategy::Error, archive(SHORT, 0, 5, |place| record(place + SHORT / 2))),
    ]
}
