//! Running, cancelling and importing.

use reinstate_describe::{AccessLevel, Caller};
use reinstate_engine::Strategy;
use reinstate_store::TenantId;
use reinstate_store::control::{CancelOutcome, NewRestore, NewRun, RestoreRecord};

use super::caller_to_json;
use super::options::ImportOptions;
use crate::body::NAME_CHARS_MAX;
use crate::error::JobsError;
use crate::halves;
use crate::ids::prefixed;
use crate::jobs::Jobs;
use crate::sources::SourceKind;
use crate::uploads::CheckedUpload;

/// An import that was queued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Imported {
    /// The run.
    pub run_id: String,
    /// The configuration that was made for it.
    pub restore_id: String,
    /// The file's name.
    pub filename: String,
    /// The file's size in bytes.
    pub size_bytes: u64,
}

impl Jobs {
    /// Queues a run of a configuration and answers the run's id. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Forbidden`] where the caller's level does not reach;
    /// [`reinstate_store::StoreError::NotFound`]; [`reinstate_store::StoreError::Conflict`] where the
    /// configuration is disabled or already running; [`JobsError::Conflict`] where its archive is not kept any
    /// more.
    pub fn restore_run(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        restore_id: &str,
    ) -> Result<String, JobsError> {
        let run = self.new_run(caller)?;
        let control = &self.store().control;
        let asked = control.restore_get(tenant, restore_id)?;
        let kind = SourceKind::parse(&asked.source_type);
        self.allow_source(tenant, caller, kind, asked.source_ref.as_deref())?;
        let now = self.now();
        let created = control.run_create(tenant, restore_id, &run, now, |restore, source_kept| {
            let options = ImportOptions::of_restore(restore)?;
            allow_strategy(caller, options.strategy)?;
            require_source(restore, source_kept)?;
            require_unchanged(&asked, restore)?;
            Ok::<_, JobsError>(options.snapshot(restore))
        })?;
        self.wake();
        Ok(created.id)
    }

    /// Keeps an upload, makes a configuration that restores it and queues a run of that. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Forbidden`] where the caller's level does not reach; [`JobsError::Store`]. The upload is
    /// removed then.
    pub fn restore_import(
        &self,
        caller: &Caller,
        upload: CheckedUpload,
        options: &ImportOptions,
    ) -> Result<Imported, JobsError> {
        allow_strategy(caller, options.strategy)?;
        let run = self.new_run(caller)?;
        let restore = self.import_restore(caller, &upload, options);
        let snapshot = options.snapshot_of(&restore);
        let now = self.now();
        let control = &self.store().control;
        let created = control.import_create(upload.tenant(), upload.upload(), &restore, &run, &snapshot, now);
        if let Err(error) = created {
            return Err(upload.without_row(error));
        }
        let imported = Imported {
            run_id: run.id,
            restore_id: restore.id,
            filename: upload.filename().to_owned(),
            size_bytes: upload.size_bytes(),
        };
        upload.into_kept();
        self.wake();
        Ok(imported)
    }

    /// Cancels the active run of a configuration and answers its id. The worker follows within 250 ms. Blocks.
    ///
    /// # Errors
    /// [`JobsError::Forbidden`] below level `edit`; [`JobsError::NotFound`] where no run is active;
    /// [`JobsError::Conflict`] where the run is being committed.
    pub fn restore_cancel(
        &self,
        tenant: &TenantId,
        caller: &Caller,
        restore_id: &str,
    ) -> Result<String, JobsError> {
        allow_running(caller)?;
        match self.store().control.run_cancel(tenant, restore_id, &caller.user_id, self.now())? {
            CancelOutcome::Cancelled { run_id } => {
                self.cancel_running(&run_id);
                self.wake();
                Ok(run_id)
            }
            CancelOutcome::NoneActive => {
                Err(JobsError::NotFound { message: format!("No running restore found for '{restore_id}'") })
            }
            CancelOutcome::Committing { run_id } => Err(JobsError::Conflict {
                message: format!("Run '{run_id}' is being committed and can no longer be cancelled"),
            }),
        }
    }

    fn new_run(&self, caller: &Caller) -> Result<NewRun, JobsError> {
        allow_running(caller)?;
        Ok(NewRun {
            id: prefixed("run", self.ids()),
            caller: caller_to_json(caller),
            executed_by: caller.user_id.clone(),
        })
    }

    fn import_restore(&self, caller: &Caller, upload: &CheckedUpload, options: &ImportOptions) -> NewRestore {
        NewRestore {
            id: prefixed("restore", self.ids()),
            name: format!("Import {}", upload.filename()).chars().take(NAME_CHARS_MAX).collect(),
            description: None,
            source_type: SourceKind::Upload.as_str().to_owned(),
            source_ref: Some(upload.upload().object_key.clone()),
            conflict_strategy: options.strategy.as_str().to_owned(),
            include: halves::list(options.include),
            models: options.models.clone(),
            create_models: options.create_models,
            enabled: true,
            created_by: caller.user_id.clone(),
        }
    }
}

fn require_source(restore: &RestoreRecord, is_kept: bool) -> Result<(), JobsError> {
    let what = match &restore.source_ref {
        None => "names no archive",
        Some(_) if !is_kept => "names an archive that is no longer kept",
        Some(_) => return Ok(()),
    };
    let advice = match SourceKind::parse(&restore.source_type) {
        Some(SourceKind::ExtractRun) => "run the extract again and set source_ref to that run",
        Some(SourceKind::Upload) | None => "upload one and set source_ref",
    };
    let message = format!("Restore '{}' {what}; {advice}", restore.id);
    Err(JobsError::Conflict { message })
}

/// The caller was found to have a right to one source; it must not be another one by now.
fn require_unchanged(asked: &RestoreRecord, restore: &RestoreRecord) -> Result<(), JobsError> {
    if asked.source_type == restore.source_type && asked.source_ref == restore.source_ref {
        return Ok(());
    }
    let message = format!("Restore '{}' was given another source meanwhile; run it again", restore.id);
    Err(JobsError::Conflict { message })
}

fn allow_running(caller: &Caller) -> Result<(), JobsError> {
    if caller.level >= AccessLevel::Edit {
        return Ok(());
    }
    let message = "Running or cancelling a restore needs access level 'edit'".to_owned();
    Err(JobsError::Forbidden { message })
}

/// What else a caller of level `edit` may not do depends on the archive: the engine refuses it.
fn allow_strategy(caller: &Caller, strategy: Strategy) -> Result<(), JobsError> {
    if strategy.removes_records() && caller.level < AccessLevel::Full {
        let message = format!("Restoring with strategy '{strategy}' needs access level 'full'");
        return Err(JobsError::Forbidden { message });
    }
    Ok(())
}
