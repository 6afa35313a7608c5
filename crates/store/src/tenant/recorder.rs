//! From the bodies of a request to written records, all or none.

use std::borrow::Cow;
use std::sync::Arc;

use reinstate_describe::access::ACCESS_COLUMNS;
use reinstate_describe::{
    AccessLevel, AccessListMode, Batch, BatchBuilder, Caller, FaultCode, IdMode, Layout, ParseOptions,
    Parsed, RecordFault, RecordParser,
};
use reinstate_engine::{Conflict, Guard, WriteOutcome};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::access::require_record;
use super::by_id::records_find;
use super::writer::Writer;
use crate::database::Database;
use crate::error::StoreError;

/// Takes records one by one and writes them batch by batch. Once a record is at fault nothing more is written,
/// and the rest is only read, so that the answer tells every fault.
#[derive(Debug)]
pub(super) struct Recorder<'a> {
    layout: &'a Arc<Layout>,
    caller: &'a Caller,
    conflict: Conflict,
    only_existing: bool,
    guard: Guard,
    parser: RecordParser,
    builder: BatchBuilder,
    writer: Writer,
    ids: Vec<String>,
    faults: Vec<RecordFault>,
}

impl<'a> Recorder<'a> {
    /// A recorder for a model; refuses one that is frozen.
    pub(super) fn new(
        layout: &'a Arc<Layout>,
        caller: &'a Caller,
        conflict: Conflict,
        now_micros: i64,
    ) -> Result<Self, StoreError> {
        let model = layout.model();
        if model.frozen {
            return Err(StoreError::ModelProtected { model: model.name.to_string(), why: "it is frozen" });
        }
        let keeps_lists = caller.level >= AccessLevel::Full;
        let options = ParseOptions {
            now_micros,
            access_lists: if keeps_lists { AccessListMode::Keep } else { AccessListMode::Ignore },
            id: IdMode::GenerateWhereAbsent,
        };
        let parser = RecordParser::new(Arc::clone(layout), options)
            .map_err(|error| StoreError::failed("reading a model's definition", error.to_string()))?;
        Ok(Self {
            layout,
            caller,
            conflict,
            only_existing: false,
            // Whether any record has lists would take a look at all of them; at those that are met is cheaper.
            guard: Guard::new(layout, caller, conflict == Conflict::Update, true),
            parser,
            builder: BatchBuilder::new(Arc::clone(layout)),
            writer: Writer::default(),
            ids: Vec::new(),
            faults: Vec::new(),
        })
    }

    /// Refuses ids that are not there for the caller.
    pub(super) fn only_existing(self) -> Self {
        Self { only_existing: true, ..self }
    }

    /// Takes one record: the text of a JSON object.
    pub(super) fn add(
        &mut self,
        connection: &mut Database,
        body: &str,
        line: u64,
        ids: &dyn Fn() -> String,
    ) -> Result<(), StoreError> {
        match self.parser.parse(body, line, ids, &mut self.builder) {
            Ok(Parsed::Added { .. }) => Ok(()),
            Ok(Parsed::NextBatch) => {
                // The earlier one is written first: a later one is measured against it.
                self.flush(connection)?;
                if let Err(faults) = self.parser.parse(body, line, ids, &mut self.builder) {
                    self.faults.extend(faults);
                }
                Ok(())
            }
            Err(faults) => {
                self.faults.extend(faults);
                Ok(())
            }
        }
    }

    /// Notes a record that could not even be handed over.
    pub(super) fn fault(&mut self, fault: RecordFault) {
        self.faults.push(fault);
    }

    /// Writes what is left and answers the ids in the order of the records.
    pub(super) fn finish(mut self, connection: &mut Database) -> Result<Vec<String>, StoreError> {
        self.flush(connection)?;
        if self.faults.is_empty() { Ok(self.ids) } else { Err(refusal(self.faults)) }
    }

    fn flush(&mut self, connection: &mut Database) -> Result<(), StoreError> {
        let batch = self.builder.finish();
        if batch.is_empty() || !self.faults.is_empty() {
            return Ok(());
        }
        if self.only_existing {
            self.require_editable(connection, &batch)?;
        }
        let known = self.guard_batch(connection, &batch)?;
        if self.faults.is_empty() {
            let outcome = self
                .writer
                .write(connection, &batch, self.conflict)
                .map_err(|error| StoreError::from_diesel("writing records", error))?;
            if known.is_some_and(|known| outcome.updated > known) {
                return Err(met_another());
            }
            self.require_all_written(&batch, &outcome)?;
        }
        self.ids.extend(rows(&batch).map(|row| batch.id(row).to_owned()));
        Ok(())
    }

    fn require_editable(&self, connection: &mut Database, batch: &Batch) -> Result<(), StoreError> {
        let existing = records_find(connection, batch, &ACCESS_COLUMNS)
            .map_err(|error| StoreError::from_diesel("reading records", error))?;
        rows(batch).try_for_each(|row| {
            require_record(self.caller, batch.id(row), existing.get(&row), AccessLevel::Edit)
        })
    }

    /// Measures the batch against the records that are there, where any rule needs that; answers how many are.
    fn guard_batch(&mut self, connection: &mut Database, batch: &Batch) -> Result<Option<u64>, StoreError> {
        let lacking = batch.groups().iter().any(|group| group.lacks.is_some());
        if !lacking && self.guard.columns().is_empty() {
            return Ok(None);
        }
        let existing = records_find(connection, batch, self.guard.columns())
            .map_err(|error| StoreError::from_diesel("reading records", error))?;
        self.faults.extend(self.guard.faults(batch, &existing).into_iter().map(|(_, fault)| fault));
        Ok(Some(existing.len() as u64))
    }

    fn require_all_written(&self, batch: &Batch, outcome: &WriteOutcome) -> Result<(), StoreError> {
        let model = &self.layout.model().name;
        if let Some(conflict) = outcome.conflicts.first() {
            let id = batch.id(conflict.row);
            return Err(StoreError::Conflict {
                message: format!("record '{id}' of model '{model}' exists already"),
            });
        }
        if let Some(refused) = outcome.refused.first() {
            let message = format!(
                "the value of field '{}' of record '{}' is another record's of model '{model}' already",
                refused.field,
                batch.id(refused.row)
            );
            return Err(StoreError::Conflict { message });
        }
        Ok(())
    }
}

/// Another request made a record between our look and our write: no rule was applied to it. Said in the words that
/// have the transaction done again (see [`crate::database::failure`]).
fn met_another() -> StoreError {
    StoreError::Unavailable {
        message: "could not serialize access: another request made the record meanwhile".to_owned(),
    }
}

fn rows(batch: &Batch) -> impl Iterator<Item = u32> {
    0..u32::try_from(batch.len()).unwrap_or(u32::MAX)
}

/// A record that the caller may not change outweighs records that do not fit.
fn refusal(faults: Vec<RecordFault>) -> StoreError {
    match faults.iter().find(|fault| fault.code == FaultCode::Forbidden) {
        Some(fault) => StoreError::Forbidden { message: fault.message.clone() },
        None => StoreError::Invalid(faults),
    }
}

/// The patch with its id in it: the one from the path where there is one, which the patch may only repeat.
pub(super) fn with_id<'a>(id: Option<&str>, body: &'a str, line: u64) -> Result<Cow<'a, str>, RecordFault> {
    #[derive(Deserialize)]
    struct IdOnly<'a> {
        #[serde(borrow)]
        id: Option<&'a RawValue>,
    }
    let fault = |message: String| RecordFault {
        line,
        record_id: id.map(str::to_owned),
        field: Some("id".to_owned()),
        code: FaultCode::IdInvalid,
        message,
    };
    // A body that is no object is the parser's to refuse.
    let Ok(IdOnly { id: own }) = serde_json::from_str(body) else { return Ok(Cow::Borrowed(body)) };
    match (id, own) {
        (None, Some(_)) => Ok(Cow::Borrowed(body)),
        (None, None) => Err(fault("'id' is missing: it says which record to change".to_owned())),
        (Some(id), Some(own)) => match serde_json::from_str::<Cow<'_, str>>(own.get()).map(|own| own == id) {
            Ok(true) => Ok(Cow::Borrowed(body)),
            _ => Err(fault(format!("'id' does not change; the record is '{id}'"))),
        },
        (Some(id), None) => Ok(Cow::Owned(spliced(id, body))),
    }
}

/// The object with an `id` in front of its other keys.
fn spliced(id: &str, body: &str) -> String {
    let id = serde_json::Value::from(id);
    let inside = body.trim_start().trim_start_matches('{');
    let comma = if inside.trim_start().starts_with('}') { "" } else { "," };
    format!("{{\"id\":{id}{comma}{inside}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_of_the_path_goes_in_front_of_the_patch() {
        for (body, expected) in [
            ("{}", r#"{"id":"a\"b"}"#),
            (" { } ", r#"{"id":"a\"b" } "#),
            (r#"{"n":1}"#, r#"{"id":"a\"b","n":1}"#),
            (r#"{"id":"a\"b","n":1}"#, r#"{"id":"a\"b","n":1}"#),
        ] {
            assert_eq!(with_id(Some("a\"b"), body, 1).unwrap(), expected);
        }
        assert!(with_id(Some("a"), r#"{"id":"b"}"#, 1).is_err());
        assert!(with_id(None, r#"{"n":1}"#, 1).is_err());
    }
}
