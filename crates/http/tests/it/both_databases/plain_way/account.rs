//! How a run ended, in a form in which two can be compared.

use serde_json::{Value as Json, json};

use super::reference::{MADE_ID, MADE_ID_BYTES};
use crate::harness::Session;

/// Bytes of a UUID as text.
const UUID_BYTES: usize = 36;

/// What a run says about itself.
#[derive(Debug, PartialEq)]
pub(super) struct Account {
    /// Sentence and facts, where it failed.
    pub(super) failure: Option<(String, String)>,
    pub(super) counters: Json,
    pub(super) logs: Vec<LogLine>,
}

/// A line of its log.
#[derive(Debug, PartialEq)]
pub(super) struct LogLine {
    pub(super) level: String,
    pub(super) phase: String,
    pub(super) facts: String,
}

impl Account {
    /// The account of a run of the server.
    pub(super) async fn of(session: &Session, run: &Json) -> Self {
        let text = |key: &str| run[key].as_str().unwrap_or_default().to_owned();
        let is_failed = match run["status"].as_str() {
            Some("failed") => true,
            Some("completed") => false,
            _ => panic!("{run}"),
        };
        let failure = is_failed.then(|| (text("error"), text("error_detail")));
        let counters = [
            "records_imported",
            "records_updated",
            "records_skipped",
            "records_deleted",
            "records_failed",
            "models_created",
            "fields_created",
        ];
        let counters = counters.into_iter().map(|key| (key.to_owned(), run[key].clone())).collect();
        let mut logs = logs(session, &text("id")).await;
        if is_failed {
            // The failure itself, which is compared already.
            assert_eq!(logs.pop().map(|line| line.level).as_deref(), Some("error"));
        }
        Self { failure, counters, logs }
    }

    /// Fails at the first thing in which two differ.
    pub(super) fn assert_same(self, expected: Self, about: &str) {
        let (ended, expected) = (self.plain(), expected.plain());
        assert_eq!(ended.failure, expected.failure, "{about}");
        assert_eq!(ended.counters, expected.counters, "{about}");
        for (line, expected) in ended.logs.iter().zip(&expected.logs) {
            assert_eq!(line, expected, "{about}");
        }
        assert_eq!(ended.logs.len(), expected.logs.len(), "{about}");
    }

    /// The same without what two runs may differ in: which ids were made.
    fn plain(mut self) -> Self {
        self.failure = self.failure.map(|(sentence, detail)| (without_ids(&sentence), without_ids(&detail)));
        for line in &mut self.logs {
            line.facts = without_ids(&line.facts);
        }
        self
    }
}

async fn logs(session: &Session, run_id: &str) -> Vec<LogLine> {
    let path = format!("/api/data/restore_logs?filter[where][run_id]={run_id}&order=id&limit=10000");
    let answer = session.get(&path).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    let line = |log: &Json| LogLine {
        level: text(&log["level"]),
        phase: text(&log["phase"]),
        facts: json!({
            "model_name": log["model_name"],
            "record_id": log["record_id"],
            "message": log["message"],
            "detail": log["detail"],
        })
        .to_string(),
    };
    answer.records().iter().map(line).collect()
}

/// Whether a server or the reference made the id; no archive has one like it.
pub(super) fn is_made(id: &str) -> bool {
    (id.len() == MADE_ID_BYTES && id.starts_with(MADE_ID)) || is_time_ordered(id)
}

fn is_time_ordered(text: &str) -> bool {
    text.len() == UUID_BYTES
        && text.starts_with("01")
        && [(8, b'-'), (14, b'7')].iter().all(|(place, is)| text.as_bytes()[*place] == *is)
}

fn without_ids(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let made = [UUID_BYTES, MADE_ID_BYTES].into_iter().find(|len| rest.get(..*len).is_some_and(is_made));
        let taken = made.unwrap_or(character.len_utf8());
        out.push_str(if made.is_some() { "MADE" } else { &rest[..taken] });
        rest = &rest[taken..];
    }
    out
}
