//! The tenant plane: one file a tenant with its catalog, its models' tables and the marks of applied runs.

use std::path::PathBuf;
use std::sync::Arc;

use reinstate_describe::{
    Batch, Caller, Catalog, Field, FilterFault, Layout, ListQuery, Model, Name, Trashed,
};
use reinstate_engine::{
    Cancellation, Conflict, Existing, IdSource, RunMark, Target, TargetError, WriteOutcome,
};

use crate::error::StoreError;
use crate::query::RecordPage;
use crate::settings::StoreSettings;
use crate::sqlite::ThreadPool;
use crate::tenant_id::TenantId;

/// The tenants of one store; cheap to clone.
#[derive(Debug, Clone)]
pub struct Tenants {
    dir: Arc<PathBuf>,
}

impl Tenants {
    pub(crate) fn new(dir: PathBuf, _settings: &StoreSettings, _threads: ThreadPool) -> Self {
        Self { dir: Arc::new(dir) }
    }

    /// Opens a tenant, making its file on first use.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] where its file is locked for too long, else [`StoreError::Database`].
    pub fn open(&self, _tenant: &TenantId) -> Result<Tenant, StoreError> {
        todo!()
    }

    /// Whether the tenant was ever opened.
    #[must_use]
    pub fn exists(&self, tenant: &TenantId) -> bool {
        self.dir.join(format!("{tenant}.db")).is_file()
    }

    /// Whether the folder of the tenants' files is there.
    ///
    /// # Errors
    /// [`StoreError::Database`] where it is not.
    pub fn ping(&self) -> Result<(), StoreError> {
        if self.dir.is_dir() {
            Ok(())
        } else {
            Err(StoreError::failed("looking for the tenants' folder", "it is gone"))
        }
    }
}

/// One tenant's data; cheap to clone. Every call reads the catalog inside its own transaction.
#[derive(Debug, Clone)]
pub struct Tenant {}

/// The right to apply a run, as its worker holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunToken<'a> {
    /// The run.
    pub run_id: &'a str,
    /// The fencing number of the claim.
    pub fence: i64,
}

impl Tenant {
    /// The tenant's models.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn catalog(&self) -> Result<Catalog, StoreError> {
        todo!()
    }

    /// The layout of a model.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], or where the database fails.
    pub fn layout(&self, _model: &str) -> Result<Arc<Layout>, StoreError> {
        todo!()
    }

    /// Creates a model with its table.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where the name is taken, [`StoreError::DefinitionInvalid`] where it has too many
    /// fields.
    pub fn model_create(&self, _model: &Model) -> Result<(), StoreError> {
        todo!()
    }

    /// Replaces the attributes of a model; its fields stay as they are, whatever `model.fields` holds.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`].
    pub fn model_update(&self, _model: &Model) -> Result<(), StoreError> {
        todo!()
    }

    /// Removes a model and all its records for good.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`].
    pub fn model_delete(&self, _model: &Name) -> Result<(), StoreError> {
        todo!()
    }

    /// Adds a field; existing records get its default value, where it has one.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`]; [`StoreError::Conflict`] where the name is taken;
    /// [`StoreError::DefinitionInvalid`] where it is required without a default while there are records, or
    /// where the table is full.
    pub fn field_create(&self, _model: &Name, _field: &Field) -> Result<(), StoreError> {
        todo!()
    }

    /// Replaces the definition of a field.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::FieldNotFound`]; [`StoreError::DefinitionInvalid`] where the
    /// type would change; [`StoreError::Conflict`] where existing records stand against it: duplicates under a
    /// new `unique`, nulls under a new `required`.
    pub fn field_update(&self, _model: &Name, _field: &Field) -> Result<(), StoreError> {
        todo!()
    }

    /// Removes a field and its values for good.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::FieldNotFound`].
    pub fn field_delete(&self, _model: &Name, _field: &Name) -> Result<(), StoreError> {
        todo!()
    }

    /// Lists the records of a model that the caller may read. `query` makes the request from the model's layout,
    /// inside the transaction that reads.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::Filter`].
    pub fn records_list(
        &self,
        _caller: &Caller,
        _model: &str,
        _query: impl FnOnce(&Layout) -> Result<ListQuery, FilterFault>,
    ) -> Result<RecordPage, StoreError> {
        todo!()
    }

    /// Reads one record as the text of a JSON object. `trashed` says whether a trashed one counts.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`]; [`StoreError::NotFound`] where there is none that the caller may read.
    pub fn record_get(
        &self,
        _caller: &Caller,
        _model: &str,
        _id: &str,
        _trashed: Trashed,
    ) -> Result<String, StoreError> {
        todo!()
    }

    /// Creates records from the texts of JSON objects, all or none, and answers the whole records in order.
    /// With `upsert` a record whose id exists is updated by what its object names.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::ModelProtected`] where the model is frozen,
    /// [`StoreError::Invalid`] with every fault (`line` is the place in `bodies`, from 1),
    /// [`StoreError::Conflict`] where an id or a unique value is there already.
    pub fn records_create(
        &self,
        _caller: &Caller,
        _model: &str,
        _bodies: &[&str],
        _upsert: bool,
        _now_micros: i64,
        _ids: &dyn IdSource,
    ) -> Result<Vec<String>, StoreError> {
        todo!()
    }

    /// Changes records, all or none, and answers the whole records in order. Each patch is the text of a JSON
    /// object with the fields to change; its id comes beside it (from the path) or in it. Absent fields keep
    /// their values, `null` clears.
    ///
    /// # Errors
    /// As [`Tenant::records_create`]; [`StoreError::NotFound`] where a record is not there for the caller,
    /// [`StoreError::Forbidden`] where the caller may read it but not change it.
    pub fn records_update(
        &self,
        _caller: &Caller,
        _model: &str,
        _patches: &[(Option<&str>, &str)],
        _now_micros: i64,
    ) -> Result<Vec<String>, StoreError> {
        todo!()
    }

    /// Trashes records, or removes them for good, all or none, and answers them as they were left.
    ///
    /// # Errors
    /// [`StoreError::ModelNotFound`], [`StoreError::ModelProtected`], [`StoreError::NotFound`],
    /// [`StoreError::Forbidden`].
    pub fn records_delete(
        &self,
        _caller: &Caller,
        _model: &str,
        _ids: &[String],
        _permanent: bool,
        _now_micros: i64,
    ) -> Result<Vec<String>, StoreError> {
        todo!()
    }

    /// Opens the tenant for one run: a connection of its own with the write lock taken. Waits for other writers
    /// up to `target_wait_ms` and asks `cancellation` meanwhile.
    ///
    /// # Errors
    /// [`TargetError::Stopped`], [`TargetError::Unavailable`] where the lock did not come free,
    /// [`TargetError::AlreadyApplied`] where the run's mark is there, [`TargetError::Failed`].
    pub fn target(
        &self,
        _run: RunToken<'_>,
        _cancellation: &Cancellation,
    ) -> Result<SqliteTarget, TargetError> {
        todo!()
    }

    /// The mark of a run, where it was applied.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn run_mark(&self, _run_id: &str) -> Result<Option<RunMark>, StoreError> {
        todo!()
    }

    /// The whole state as text: schema, catalog, marks and every table in the order of ids. For comparisons
    /// before and after in tests.
    ///
    /// # Errors
    /// Where the database fails.
    pub fn dump(&self) -> Result<String, StoreError> {
        todo!()
    }
}

/// One tenant's data opened for one run inside one transaction; dropping it takes everything back.
#[derive(Debug)]
pub struct SqliteTarget {}

impl Target for SqliteTarget {
    fn catalog(&mut self) -> Result<Catalog, TargetError> {
        todo!()
    }

    fn model_create(&mut self, _model: &Model) -> Result<(), TargetError> {
        todo!()
    }

    fn fields_add(&mut self, _model: &Name, _fields: &[Field]) -> Result<(), TargetError> {
        todo!()
    }

    fn model_has_records(&mut self, _model: &Name) -> Result<bool, TargetError> {
        todo!()
    }

    fn model_is_restricted(&mut self, _model: &Name) -> Result<bool, TargetError> {
        todo!()
    }

    fn records_clear(&mut self, _model: &Name) -> Result<u64, TargetError> {
        todo!()
    }

    fn records_find(&mut self, _batch: &Batch, _columns: &[usize]) -> Result<Existing, TargetError> {
        todo!()
    }

    fn records_write(&mut self, _batch: &Batch, _conflict: Conflict) -> Result<WriteOutcome, TargetError> {
        todo!()
    }

    fn commit(self: Box<Self>, _mark: &RunMark) -> Result<(), TargetError> {
        todo!()
    }
}
