//! The Data API's storage calls. Records take the same way as a restore's: parsed into a batch, guarded by the
//! same rules, written set-wise.

use std::cell::RefCell;

use reinstate_describe::access::ACCESS_COLUMNS;
use reinstate_describe::ddl::table_name;
use reinstate_describe::{
    AccessLevel, BaseType, Caller, CellValue, ColumnType, FaultCode, FilterFault, Layout, ListQuery,
    RecordFault, Trashed,
};
use reinstate_engine::{Conflict, IdSource};

use super::Tenant;
use super::access::{require, require_record};
use super::by_id::{cells_by_id, push_ids};
use super::catalog::Snapshot;
use super::recorder::{Recorder, with_id};
use crate::database::Database;
use crate::database::kept::Kept;
use crate::error::StoreError;
use crate::query::{self, Expected, RecordPage, TableRef};
use crate::statement::Statement;

impl Tenant {
    /// Lists the records of a model that the caller may read. `query` makes the request from the model's layout; it may
    /// be asked twice, where the definitions changed.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::Filter`].
    pub fn records_list(
        &self,
        caller: &Caller,
        model: &str,
        query: impl Fn(&Layout) -> Result<ListQuery, FilterFault>,
    ) -> Result<RecordPage, StoreError> {
        require(caller, AccessLevel::Read, "read records")?;
        let found = self.at_once(model, |connection, layout, table, expected| {
            let query = query(layout)?;
            if query.count {
                // Two statements have to see one state.
                return Ok(None);
            }
            query::list_expecting(connection, table, layout, Some(caller), &query, expected)
        });
        if let Some(page) = found? {
            return Ok(page);
        }
        self.read(|connection, snapshot| {
            let layout = snapshot.layout(model)?;
            let table = table_name(connection.dialect(), &layout.model().name);
            let table = TableRef { table: &table, only: None };
            query::list(connection, table, &layout, Some(caller), &query(&layout)?)
        })
    }

    /// Reads one record as the text of a JSON object. `trashed` says whether a trashed one counts.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`]; [`StoreError::NotFound`] where there is none that the caller may read.
    pub fn record_get(
        &self,
        caller: &Caller,
        model: &str,
        id: &str,
        trashed: Trashed,
    ) -> Result<String, StoreError> {
        require(caller, AccessLevel::Read, "read records")?;
        let found = self.at_once(model, |connection, layout, table, expected| {
            query::get_expecting(connection, table, layout, Some(caller), (id, trashed), Some(expected))
        });
        if let Some(record) = found? {
            return Ok(record);
        }
        self.read(|connection, snapshot| {
            let layout = snapshot.layout(model)?;
            let table = table_name(connection.dialect(), &layout.model().name);
            let table = TableRef { table: &table, only: None };
            query::get(connection, table, &layout, Some(caller), id, trashed)?
                .ok_or_else(|| StoreError::record_not_found(id))
        })
    }

    /// Creates records from the texts of JSON objects, all or none, and answers the whole records in order.
    /// With `upsert` a record whose id exists is updated by what its object names. `access_*` are ignored where
    /// the caller's level is below full.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::ModelProtected`] where the model is frozen,
    /// [`StoreError::Invalid`] with every fault (`line` is the place in `bodies`, from 1),
    /// [`StoreError::Conflict`] where an id or a unique value is there already, [`StoreError::Forbidden`] where
    /// an upsert meets a record that the caller may not change.
    pub fn records_create(
        &self,
        caller: &Caller,
        model: &str,
        bodies: &[&str],
        upsert: bool,
        now_micros: i64,
        ids: &dyn IdSource,
    ) -> Result<Vec<String>, StoreError> {
        require(caller, AccessLevel::Edit, "create records")?;
        let conflict = if upsert { Conflict::Update } else { Conflict::Fail };
        self.home.write(|connection, snapshot, kept| {
            let layout = snapshot.layout(model)?;
            let mut recorder = Recorder::new(&layout, caller, conflict, now_micros)?;
            let make_id = || ids.record_id();
            for (line, body) in (1..).zip(bodies) {
                recorder.add(connection, body, line, &make_id)?;
            }
            let ids = recorder.finish(connection)?;
            let records = self.read_back(connection, (snapshot, kept), &layout, &ids)?;
            require_extractable(&ids, &records)?;
            Ok(records)
        })
    }

    /// Changes records, all or none, and answers the whole records in order. Each patch is the text of a JSON
    /// object with the fields to change; its id comes beside it (from the path) or in it. Absent fields keep
    /// their values, `null` clears. Trashed records can be changed too, and so taken back.
    ///
    /// # Errors
    /// As [`Tenant::records_create`]; [`StoreError::NotFound`] where a record is not there for the caller,
    /// [`StoreError::Forbidden`] where the caller may read it but not change it.
    pub fn records_update(
        &self,
        caller: &Caller,
        model: &str,
        patches: &[(Option<&str>, &str)],
        now_micros: i64,
    ) -> Result<Vec<String>, StoreError> {
        require(caller, AccessLevel::Edit, "change records")?;
        self.home.write(|connection, snapshot, kept| {
            let layout = snapshot.layout(model)?;
            let mut recorder = Recorder::new(&layout, caller, Conflict::Update, now_micros)?.only_existing();
            for (line, (id, body)) in (1..).zip(patches) {
                match with_id(*id, body, line) {
                    Ok(body) => recorder.add(connection, &body, line, &String::new)?,
                    Err(fault) => recorder.fault(fault),
                }
            }
            let ids = recorder.finish(connection)?;
            let records = self.read_back(connection, (snapshot, kept), &layout, &ids)?;
            require_extractable(&ids, &records)?;
            Ok(records)
        })
    }

    /// Trashes records, or removes them for good, all or none, and answers them as they were left. Trashing a
    /// trashed record changes nothing.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::ModelProtected`] where the model is frozen or immutable,
    /// [`StoreError::NotFound`], [`StoreError::Forbidden`].
    pub fn records_delete(
        &self,
        caller: &Caller,
        model: &str,
        ids: &[String],
        permanent: bool,
        now_micros: i64,
    ) -> Result<Vec<String>, StoreError> {
        require(caller, AccessLevel::Full, "delete records")?;
        self.home.write(|connection, snapshot, kept| {
            let layout = snapshot.layout(model)?;
            require_removable(&layout)?;
            require_full(connection, &layout, caller, ids)?;
            if permanent {
                let records = self.read_back(connection, (snapshot, kept), &layout, ids)?;
                remove(connection, &layout, ids)?;
                Ok(records)
            } else {
                trash(connection, &layout, ids, now_micros)?;
                self.read_back(connection, (snapshot, kept), &layout, ids)
            }
        })
    }
}

impl Tenant {
    /// Reads records of a model by one statement without a transaction; `None` where the definitions changed since
    /// they were read, and wherever something is not as usual: the transaction that follows will tell.
    fn at_once<T>(
        &self,
        model: &str,
        work: impl FnOnce(&mut Database, &Layout, TableRef<'_>, Expected<'_>) -> Result<Option<T>, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        self.home.read_at_once(|connection, snapshot, kept| {
            let layout = snapshot.layout(model)?;
            let table = table_name(connection.dialect(), &layout.model().name);
            let (table, catalog) = (self.home.qualified(&table), self.home.qualified("\"$catalog\""));
            let expected = Expected { catalog: &catalog, version: snapshot.version, kept };
            work(connection, &layout, TableRef { table: &table, only: None }, expected)
        })
    }
}

impl Tenant {
    /// The records as they are now, in the order of `ids`, within a transaction that read its definitions and keeps
    /// others from changing them: so the statement can be one that is kept.
    fn read_back(
        &self,
        connection: &mut Database,
        (snapshot, kept): (&Snapshot, &RefCell<Kept>),
        layout: &Layout,
        ids: &[String],
    ) -> Result<Vec<String>, StoreError> {
        let table = table_name(connection.dialect(), &layout.model().name);
        let (table, catalog) = (self.home.qualified(&table), self.home.qualified("\"$catalog\""));
        let table = TableRef { table: &table, only: None };
        let expected = Expected { catalog: &catalog, version: snapshot.version, kept };
        let mut records =
            query::by_ids(connection, table, layout, (ids, Trashed::Include), None, Some(expected))?;
        Ok(match ids {
            [id] => records.remove(id).into_iter().collect(),
            ids => ids.iter().filter_map(|id| records.get(id).cloned()).collect(),
        })
    }
}

fn require_removable(layout: &Layout) -> Result<(), StoreError> {
    let model = layout.model();
    let why = match (model.frozen, model.immutable) {
        (true, _) => "it is frozen",
        (false, true) => "its records are immutable",
        (false, false) => return Ok(()),
    };
    Err(StoreError::ModelProtected { model: model.name.to_string(), why })
}

fn require_full(
    connection: &mut Database,
    layout: &Layout,
    caller: &Caller,
    ids: &[String],
) -> Result<(), StoreError> {
    let failed = |error| StoreError::from_diesel("reading records", error);
    let named = ids.iter().map(String::as_str);
    let existing = cells_by_id(connection, layout, named, &ACCESS_COLUMNS).map_err(failed)?;
    ids.iter().try_for_each(|id| require_record(caller, id, existing.get(id.as_str()), AccessLevel::Full))
}

fn remove(connection: &mut Database, layout: &Layout, ids: &[String]) -> Result<(), StoreError> {
    let dialect = connection.dialect();
    let mut statement = Statement::once(format!("DELETE FROM {}", table_name(dialect, &layout.model().name)));
    push_ids(dialect, ids.iter().map(String::as_str), &mut statement);
    statement.run(connection).map(drop).map_err(|error| StoreError::from_diesel("removing records", error))
}

fn trash(
    connection: &mut Database,
    layout: &Layout,
    ids: &[String],
    now_micros: i64,
) -> Result<(), StoreError> {
    const TIMESTAMP: ColumnType = ColumnType { base: BaseType::Timestamp, array: false };
    let (dialect, now) = (connection.dialect(), CellValue::Int(now_micros));
    let table = table_name(dialect, &layout.model().name);
    let mut statement = Statement::once(format!("UPDATE {table} SET \"trashed_at\" = "));
    statement.bind_as(TIMESTAMP, now.clone()).sql(", \"updated_at\" = ").bind_as(TIMESTAMP, now);
    push_ids(dialect, ids.iter().map(String::as_str), &mut statement);
    statement.sql(" AND \"trashed_at\" IS NULL");
    statement.run(connection).map(drop).map_err(|error| StoreError::from_diesel("trashing records", error))
}

/// Longest record as JSON, in bytes: a little less than a line of an archive may have, so that what is written here can
/// be taken out and brought back. One request can be shorter than the record that it adds to.
const RECORD_BYTES_MAX: usize = (16 << 20) - (64 << 10);

/// Refuses records that would fit no archive.
fn require_extractable(ids: &[String], records: &[String]) -> Result<(), StoreError> {
    let faults = (1..).zip(ids).zip(records).filter(|(_, record)| record.len() > RECORD_BYTES_MAX);
    let faults: Vec<_> = faults
        .map(|((line, id), _)| RecordFault {
            line,
            record_id: Some(id.clone()),
            field: None,
            code: FaultCode::Maximum,
            message: format!("the whole record must have at most {RECORD_BYTES_MAX} bytes as JSON"),
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(StoreError::Invalid(faults)) }
}
