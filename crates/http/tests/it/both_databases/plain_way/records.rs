//! Records of two tenants in a form in which they can be compared: ids that were made and instants of runs become
//! numbers.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::value::RawValue;

use super::account::is_made;
use crate::both_databases::tenant_copy::RecordTexts;

/// Columns that a run fills with its own time.
const FILLED: [&str; 2] = ["created_at", "updated_at"];

/// No archive has an instant after it in [`FILLED`], and every run is later.
const NOW_AT_LEAST: &str = "\"2021";

/// The records of some models, by the models' names.
#[derive(Debug, PartialEq)]
pub(super) struct Records(pub(super) BTreeMap<String, Vec<RecordTexts>>);

impl Records {
    /// Reads JSON lines, which must be in the order of their ids.
    pub(super) fn of_lines(models: BTreeMap<String, Vec<String>>) -> Self {
        let record = |line: &String| -> RecordTexts {
            let record: BTreeMap<String, Box<RawValue>> = serde_json::from_str(line).unwrap();
            record.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect()
        };
        let records = |lines: Vec<String>| lines.iter().map(record).collect();
        Self(models.into_iter().map(|(model, lines)| (model, records(lines))).collect())
    }

    /// Gives made ids and instants of runs the numbers of their order.
    pub(super) fn plain(mut self) -> Self {
        self.number_instants();
        for (model, records) in &mut self.0 {
            let ids: Vec<String> = records.iter().map(id).collect();
            assert!(ids.is_sorted(), "the records of {model} come in the order of their ids: {ids:?}");
            let mut number = 0;
            for (record, id) in records.iter_mut().zip(ids).filter(|(_, id)| is_made(id)) {
                number += 1;
                assert!(!id.is_empty());
                record.insert("id".to_owned(), format!("\"~made {number:06}\""));
            }
            records.sort_by_key(id);
        }
        self
    }

    fn number_instants(&mut self) {
        let is_now = |text: &String| text.as_str() >= NOW_AT_LEAST;
        let all = self.0.values().flatten().flat_map(|record| FILLED.map(|column| record[column].clone()));
        let instants: BTreeSet<String> = all.filter(is_now).collect();
        let instants: BTreeMap<String, usize> =
            instants.into_iter().enumerate().map(|(number, text)| (text, number)).collect();
        for record in self.0.values_mut().flatten() {
            for column in FILLED {
                if let Some(number) = instants.get(&record[column]) {
                    record.insert(column.to_owned(), format!("instant {number}"));
                }
            }
        }
    }
}

fn id(record: &RecordTexts) -> String {
    serde_json::from_str(&record["id"]).unwrap()
}
