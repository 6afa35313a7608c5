//! Keys and indexes that are made when their table is filled: one sorted pass costs less than a place for every row.
//!
//! Plain indexes of new and of emptied models always wait. The key and unique indexes wait as well where ids come in no
//! order, for as long as surely nothing comes twice (see [`Seen`]); where something may, they are made at once, and from
//! there on the database decides as for any other table. Ids that ascend find their place in the key without a search,
//! so that waiting would only cost another look at every row.

use std::collections::BTreeMap;

use diesel::QueryResult;
use reinstate_describe::ddl::{self, Dialect};
use reinstate_describe::{Batch, Field, Model, Name};

use super::super::seen::Seen;
use crate::database::Database;
use crate::sqlite::connection::RESTORE_CACHE_KIB;
use crate::statement::Statement;

/// Rows with which a first batch is taken for the beginning of many; below, indexes that are there stay.
const MANY_ROWS: usize = 32;

/// Rows of a table from which on its indexes are made with less page cache: below, there is little to sort, and what
/// the cache holds is of use to the next table.
const SORTED_ROWS: u64 = 50_000;

/// Page cache while the indexes of a large table are made, in KiB. The sorter takes as much again before it goes on in
/// a file; pieces of this size were sorted a fifth quicker than those of the whole cache.
const SORT_CACHE_KIB: u32 = 8 * 1_024;

/// The tables of a run that are without some of their indexes, or were emptied.
#[derive(Debug, Default)]
pub(super) struct LateKeys {
    tables: BTreeMap<Name, Table>,
    /// What the table holds that is being filled without any. There is one at a time, so that memory does not follow
    /// the number of models.
    filling: Option<(Name, Seen)>,
    /// The model that was written to last, with its rows since.
    written: Option<(Name, u64)>,
}

/// How far a table is, with its model as far as [`indexed`] tells.
#[derive(Debug)]
enum Table {
    /// Emptied and not written to since: it has all its indexes.
    Emptied(Model),
    /// Without any: it is new and not written to yet, or is being filled.
    Bare(Model),
    /// With its key and its unique indexes; the plain ones are to come.
    Keyed(Model),
}

impl Table {
    fn model(&self) -> &Model {
        match self {
            Self::Emptied(model) | Self::Bare(model) | Self::Keyed(model) => model,
        }
    }
}

impl LateKeys {
    /// The model is new and has no index.
    pub(super) fn model_created(&mut self, model: &Model) {
        self.tables.insert(model.name.clone(), Table::Bare(indexed(model)));
    }

    /// The model was emptied.
    pub(super) fn model_emptied(&mut self, model: &Model) {
        self.filling.take_if(|(of, _)| *of == model.name);
        self.tables.entry(model.name.clone()).or_insert_with(|| Table::Emptied(indexed(model)));
    }

    /// Whether surely none of the batch's ids is in its model's table; that table has no key then to ask.
    pub(super) fn knows_no_id_of(&self, batch: &Batch) -> bool {
        let model = &batch.layout().model().name;
        match &self.filling {
            Some((of, seen)) if of == model => seen.knows_no_id_of(batch),
            // What was written before has its key.
            _ => matches!(self.tables.get(model), Some(Table::Bare(_))),
        }
    }

    /// Makes the key of a model whose ids are going to be looked for.
    pub(super) fn before_search(&mut self, connection: &mut Database, model: &Name) -> QueryResult<()> {
        match self.tables.get(model) {
            Some(Table::Bare(_)) => self.make(connection, model),
            _ => Ok(()),
        }
    }

    /// Prepares the model's table for a batch. True: there is no key, and surely nothing of the batch is there.
    pub(super) fn before_write(&mut self, connection: &mut Database, batch: &Batch) -> QueryResult<bool> {
        let model = batch.layout().model();
        self.count(batch);
        if self.filling.as_ref().is_none_or(|(of, _)| *of != model.name) {
            if matches!(self.tables.get(&model.name), None | Some(Table::Keyed(_))) {
                return Ok(false);
            }
            self.make_filled(connection)?;
            self.begin(connection, batch)?;
        }
        let Some((_, seen)) = &mut self.filling else { return Ok(false) };
        if seen.admits(batch) {
            return Ok(true);
        }
        self.make_keys(connection, &model.name)?;
        Ok(false)
    }

    fn count(&mut self, batch: &Batch) {
        let (model, rows) = (&batch.layout().model().name, batch.rows_to_write() as u64);
        match &mut self.written {
            Some((of, written)) if of == model => *written += rows,
            _ => self.written = Some((model.clone(), rows)),
        }
    }

    /// Makes indexes of a model.
    fn run(&self, connection: &mut Database, model: &Name, statements: &[String]) -> QueryResult<()> {
        let is_large = |(of, rows): &(Name, u64)| of == model && *rows >= SORTED_ROWS;
        if !self.written.as_ref().is_some_and(is_large) {
            return run_all(connection, statements);
        }
        cache_resize(connection, SORT_CACHE_KIB)?;
        run_all(connection, statements)?;
        cache_resize(connection, RESTORE_CACHE_KIB)
    }

    /// The model's first batch decides what its table is filled without.
    fn begin(&mut self, connection: &mut Database, batch: &Batch) -> QueryResult<()> {
        let name = &batch.layout().model().name;
        // The layout of a batch need not tell which fields are unique.
        let Some(model) = self.tables.get(name).map(|table| table.model().clone()) else { return Ok(()) };
        let seen = if is_in_order(batch) { None } else { Seen::nothing_of(&model) };
        if matches!(self.tables.get(name), Some(Table::Emptied(_))) {
            if batch.rows_to_write() < MANY_ROWS {
                self.tables.remove(name);
                return Ok(());
            }
            let all = seen.is_some() && has_key_index(connection, name)?;
            drop_indexes(connection, &model, all)?;
            let table = if all { Table::Bare } else { Table::Keyed };
            self.tables.insert(name.clone(), table(model));
        }
        match (self.tables.get(name), seen) {
            (Some(Table::Bare(_)), Some(seen)) => self.filling = Some((name.clone(), seen)),
            (Some(Table::Bare(_)), None) => self.make_keys(connection, name)?,
            _ => {}
        }
        Ok(())
    }

    /// Makes what the table is without that is being filled.
    fn make_filled(&mut self, connection: &mut Database) -> QueryResult<()> {
        let filled = self.filling.as_ref().map(|(of, _)| of.clone());
        filled.map_or(Ok(()), |model| self.make(connection, &model))
    }

    /// Makes the key and the unique indexes of a table without any.
    fn make_keys(&mut self, connection: &mut Database, model: &Name) -> QueryResult<()> {
        self.filling.take_if(|(of, _)| of == model);
        if let Some(Table::Bare(model)) = self.tables.get(model) {
            self.run(connection, &model.name, &key_and_unique(model))?;
            self.tables.insert(model.name.clone(), Table::Keyed(model.clone()));
        }
        Ok(())
    }

    /// Makes whatever a model's table is without.
    pub(super) fn make(&mut self, connection: &mut Database, model: &Name) -> QueryResult<()> {
        self.make_keys(connection, model)?;
        match self.tables.remove(model) {
            Some(Table::Keyed(model)) => self.run(connection, &model.name, &plain(&model)),
            _ => Ok(()),
        }
    }

    /// Makes whatever is missing anywhere.
    pub(super) fn make_all(&mut self, connection: &mut Database) -> QueryResult<()> {
        let models: Vec<_> = self.tables.keys().cloned().collect();
        models.iter().try_for_each(|model| self.make(connection, model))
    }
}

/// A model with those of its fields that have an index: a run may make thousands of models before it fills the first.
fn indexed(model: &Model) -> Model {
    let fields = model.fields.values().filter(|field| field.unique || field.index);
    fields.cloned().fold(Model::new(model.name.clone()), Model::with_field)
}

/// Whether rows with neighbouring ids stand one after the other.
fn is_in_order(batch: &Batch) -> bool {
    batch.groups().iter().all(|group| group.rows.is_sorted_by_key(|row| batch.id(*row)))
}

/// Whether the key of a model's table is an index of its own.
fn has_key_index(connection: &mut Database, model: &Name) -> QueryResult<bool> {
    let table = ddl::table_name(Dialect::Sqlite, model);
    let mut statement = Statement::new("SELECT EXISTS (SELECT 1 FROM pragma_index_list(");
    statement.text(table.trim_matches('"')).sql(") WHERE \"name\" = ");
    statement.text(ddl::key_index_name(model).trim_matches('"')).sql(")");
    Ok(statement.number(connection)? != 0)
}

/// Drops the plain indexes of a model, and the others as well where that is asked for.
fn drop_indexes(connection: &mut Database, model: &Model, others_too: bool) -> QueryResult<()> {
    let of_field = |field: &Field| match (field.unique, field.index) {
        (true, _) => others_too.then(|| ddl::unique_index_name(&model.name, &field.name)),
        (false, true) => Some(ddl::index_name(&model.name, &field.name)),
        (false, false) => None,
    };
    let key = others_too.then(|| ddl::key_index_name(&model.name));
    let names = key.into_iter().chain(model.fields.values().filter_map(of_field));
    let statements: Vec<_> = names.map(|name| format!("DROP INDEX IF EXISTS {name}")).collect();
    run_all(connection, &statements)
}

/// The key comes first: a row that meets both is one whose id is there.
fn key_and_unique(model: &Model) -> Vec<String> {
    let key = std::iter::once(ddl::create_key_index(&model.name));
    key.chain(of_fields(model, |field| field.unique)).collect()
}

fn plain(model: &Model) -> Vec<String> {
    of_fields(model, |field| !field.unique).collect()
}

fn of_fields(model: &Model, wanted: impl Fn(&Field) -> bool) -> impl Iterator<Item = String> {
    let fields = model.fields.values().filter(move |field| wanted(field));
    fields.filter_map(|field| ddl::create_index(Dialect::Sqlite, &model.name, field))
}

fn run_all(connection: &mut Database, statements: &[String]) -> QueryResult<()> {
    statements.iter().try_for_each(|sql| Statement::once(sql.as_str()).run(connection).map(drop))
}

fn cache_resize(connection: &mut Database, kib: u32) -> QueryResult<()> {
    Statement::once(format!("PRAGMA cache_size = -{kib}")).run(connection).map(drop)
}
