//! Keys and indexes that are built when their table is filled.
//!
//! A table that only the run can see is filled without them, for as long as nothing in it comes twice (see [`Seen`]);
//! to build them then is quicker than to keep them up row by row. Where something may come twice, or may be too long
//! for an index, they are built at once, and from there on the database decides as it does for any other table.
//!
//! A table that has its keys, holds nothing and lets nobody else write is filled in the same way: nothing can stand
//! against its rows for as long as nothing in them comes twice.

use std::collections::BTreeMap;

use diesel::result::{DatabaseErrorKind, Error as DieselError};
use reinstate_describe::ddl::{self, Dialect, Stage};
use reinstate_describe::{Batch, Model, Name};
use reinstate_engine::TargetError;

use super::super::seen::Seen;
use super::super::target_error::failed;
use crate::database::Database;
use crate::statement::Statement;

/// The tables of a run that hold nothing but what the run wrote, and whose keys it need not ask.
#[derive(Debug, Default)]
pub(super) struct LateKeys {
    waiting: BTreeMap<Name, Waiting>,
    /// What the table holds that was written last. There is one at a time, so that memory does not follow the number
    /// of models.
    seen: Option<(Name, Seen)>,
}

/// A table that rows may be copied straight into.
#[derive(Debug)]
struct Waiting {
    model: Model,
    stage: Stage,
    has_keys: bool,
}

impl LateKeys {
    /// The model's table at a stage was made without keys, or emptied since, and holds nothing.
    pub(super) fn put_off(&mut self, model: &Model, stage: Stage) {
        self.forget(&model.name);
        self.waiting.insert(model.name.clone(), Waiting { model: model.clone(), stage, has_keys: false });
    }

    /// The model's table at a stage has its keys and holds nothing, and nobody else can write into it.
    pub(super) fn begin_empty(&mut self, model: &Model, stage: Stage) {
        self.forget(&model.name);
        self.waiting.insert(model.name.clone(), Waiting { model: model.clone(), stage, has_keys: true });
    }

    /// Whether nothing is in the model's table that the run does not know of; mostly it has no keys yet.
    pub(super) fn are_due(&self, model: &Name) -> bool {
        self.waiting.contains_key(model)
    }

    /// Whether surely none of the batch's ids is in the table of its model.
    pub(super) fn knows_no_id_of(&self, batch: &Batch) -> bool {
        let model = &batch.layout().model().name;
        match &self.seen {
            Some((seen_of, seen)) if seen_of == model => seen.knows_no_id_of(batch),
            // What was written to another model was finished with its keys.
            _ => self.are_due(model),
        }
    }

    /// The model whose table is being filled, where it is another.
    pub(super) fn other_than(&self, model: &Name) -> Option<Name> {
        self.seen.as_ref().map(|(of, _)| of).filter(|of| *of != model).cloned()
    }

    /// Whether a batch may be copied straight into the table of its model. Where not its keys must be built.
    pub(super) fn admits(&mut self, batch: &Batch) -> bool {
        let name = &batch.layout().model().name;
        if self.seen.as_ref().is_none_or(|(of, _)| of != name) {
            let model = self.waiting.get(name).map(|waiting| &waiting.model);
            self.seen = model.and_then(Seen::nothing_of).map(|seen| (name.clone(), seen));
        }
        self.seen.as_mut().is_some_and(|(_, seen)| seen.admits(batch))
    }

    /// Builds the keys of a model's table, where it has none.
    pub(super) fn build(&mut self, connection: &mut Database, model: &Name) -> Result<(), TargetError> {
        self.forget(model);
        self.waiting.remove(model).map_or(Ok(()), |waiting| waiting.build(connection))
    }

    /// Builds all that are left.
    pub(super) fn build_all(&mut self, connection: &mut Database) -> Result<(), TargetError> {
        self.seen = None;
        let waiting = std::mem::take(&mut self.waiting);
        waiting.values().try_for_each(|waiting| waiting.build(connection))
    }

    fn forget(&mut self, model: &Name) {
        self.seen.take_if(|(of, _)| of == model);
    }
}

impl Waiting {
    fn build(&self, connection: &mut Database) -> Result<(), TargetError> {
        if self.has_keys { Ok(()) } else { build(connection, &self.model, self.stage) }
    }
}

/// Adds the key and all indexes to a table without.
fn build(connection: &mut Database, model: &Model, stage: Stage) -> Result<(), TargetError> {
    let key = ddl::add_key_at(&model.name, stage);
    let indexes = ddl::create_indexes_at(Dialect::Postgres, model, stage);
    std::iter::once(key).chain(indexes).try_for_each(|sql| {
        Statement::once(sql).run(connection).map(drop).map_err(|error| not_built(&model.name, error))
    })
}

/// Values that come twice were kept out before; should one be there, nothing is applied.
fn not_built(model: &Name, error: DieselError) -> TargetError {
    match error {
        DieselError::DatabaseError(DatabaseErrorKind::UniqueViolation, info) => TargetError::Refused {
            message: format!(
                "records of model '{model}' share an id or a unique value: {} ({})",
                info.message(),
                info.details().unwrap_or_default()
            ),
        },
        error => failed("building the keys of a model", error),
    }
}
