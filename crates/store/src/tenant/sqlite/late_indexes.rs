//! Indexes that are made once their models are filled: one sorted pass costs less than a place for every row.
//!
//! Unique ones are there from the start, because they decide which rows are refused.

use std::collections::{BTreeMap, BTreeSet};

use diesel::QueryResult;
use reinstate_describe::ddl::{self, Dialect};
use reinstate_describe::{Field, Model, Name};

use crate::database::Database;
use crate::statement::Statement;

/// The plain indexes that models are without for the time being.
#[derive(Debug, Default)]
pub(super) struct LateIndexes {
    missing: BTreeMap<Name, Vec<Field>>,
    /// Models that were emptied and have their indexes until they are written to.
    emptied: BTreeSet<Name>,
}

impl LateIndexes {
    /// The model is new and has no plain index.
    pub(super) fn model_created(&mut self, model: &Model) {
        self.missing.insert(model.name.clone(), plain_fields(model));
    }

    /// The model was emptied.
    pub(super) fn model_emptied(&mut self, model: &Name) {
        self.emptied.insert(model.clone());
    }

    /// The model is going to be written to: where it was emptied its plain indexes go.
    pub(super) fn before_write(&mut self, connection: &mut Database, model: &Model) -> QueryResult<()> {
        if !self.emptied.remove(&model.name) {
            return Ok(());
        }
        let fields = plain_fields(model);
        for field in &fields {
            let index = ddl::index_name(&model.name, &field.name);
            Statement::once(format!("DROP INDEX IF EXISTS {index}")).run(connection)?;
        }
        self.missing.insert(model.name.clone(), fields);
        Ok(())
    }

    /// Makes what is missing.
    pub(super) fn make(&mut self, connection: &mut Database) -> QueryResult<()> {
        for (model, fields) in std::mem::take(&mut self.missing) {
            for sql in fields.iter().filter_map(|field| ddl::create_index(Dialect::Sqlite, &model, field)) {
                Statement::once(sql).run(connection)?;
            }
        }
        Ok(())
    }
}

/// Whether the index of a field can wait.
pub(super) fn is_plain(field: &Field) -> bool {
    field.index && !field.unique
}

fn plain_fields(model: &Model) -> Vec<Field> {
    model.fields.values().filter(|field| is_plain(field)).cloned().collect()
}
