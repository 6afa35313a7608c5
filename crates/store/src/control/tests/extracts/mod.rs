//! Extracts: configurations, the queue of their runs, what the runs made and who reads that.

mod artifacts;
mod configurations;
mod laws;
mod objects;
mod queue;
mod races;

use super::*;

pub(super) fn extract(id: &str) -> NewExtract {
    NewExtract {
        id: id.to_owned(),
        name: format!("Extract {id}"),
        description: None,
        format: "jsonl".to_owned(),
        include: vec!["describe".to_owned(), "data".to_owned()],
        models: Some(vec!["orders".to_owned()]),
        filter: Some(json!({"orders": {"total": {"$gt": 10}}})),
        retention_days: 7,
        enabled: true,
        created_by: "ann".to_owned(),
    }
}

pub(super) fn progress(percent: u8) -> ExtractProgressColumns {
    ExtractProgressColumns {
        percent,
        detail: json!({"phase": "exporting_data", "current_model": "orders"}),
        records_exported: 5,
        models_exported: 1,
    }
}

/// The end of a run that made an archive of two entries, or of one that failed.
pub(super) fn finish(run: &ExtractRunRecord, status: RunStatus, expires_at: i64) -> ExtractFinish {
    if status == RunStatus::Failed {
        return ExtractFinish {
            status,
            records_exported: 7,
            models_exported: 1,
            object: None,
            artifacts: Vec::new(),
            error: Some("It failed. Nothing was kept".to_owned()),
            error_detail: Some("code: TEST".to_owned()),
        };
    }
    ExtractFinish {
        status,
        records_exported: 12,
        models_exported: 2,
        object: Some(ExtractObject {
            key: object_key(run),
            size_bytes: 300,
            checksum: "c".repeat(64),
            is_restricted: true,
            expires_at,
        }),
        artifacts: [0, 1].map(|number| artifact(run, number)).to_vec(),
        error: None,
        error_detail: None,
    }
}

pub(super) fn object_key(run: &ExtractRunRecord) -> String {
    format!("extracts/{}/{}-{}.zip", run.tenant, run.id, run.fence)
}

pub(super) fn artifact(run: &ExtractRunRecord, number: usize) -> NewArtifact {
    NewArtifact {
        id: artifact_id(&run.id, number),
        artifact_type: format!("data-model_{number}"),
        artifact_name: format!("data/model_{number}.jsonl"),
        format: "jsonl".to_owned(),
        size_bytes: 100 + number as u64,
        checksum: "a".repeat(64),
        content_type: "application/x-ndjson".to_owned(),
        is_primary: number == 0,
    }
}

pub(super) fn artifact_id(run_id: &str, number: usize) -> String {
    format!("artifact-{run_id}-{number:05}")
}

impl Plane {
    /// Makes a configuration `extract-RUN` and queues `RUN` of it.
    pub(super) fn queue_extract(&self, tenant_name: &str, run_id: &str, now: i64) -> ExtractRunRecord {
        let extract = extract(&format!("extract-{run_id}"));
        self.extracts_create(&tenant(tenant_name), std::slice::from_ref(&extract), now).unwrap();
        self.extract_again(tenant_name, &extract.id, run_id, now).unwrap()
    }

    pub(super) fn extract_again(
        &self,
        tenant_name: &str,
        extract_id: &str,
        run_id: &str,
        now: i64,
    ) -> Result<ExtractRunRecord, StoreError> {
        let admit = |extract: &ExtractRecord| Ok(json!({"format": extract.format}));
        self.extract_run_create(&tenant(tenant_name), extract_id, &new_run(run_id), now, admit)
    }

    pub(super) fn claim_extract(&self, now: i64) -> Option<ExtractRunRecord> {
        self.extract_run_claim("worker", now, RULES).unwrap().map(|claimed| claimed.run)
    }

    pub(super) fn extract_run(&self, tenant_name: &str, run_id: &str) -> ExtractRunRecord {
        self.extract_run_get(&tenant(tenant_name), run_id).unwrap()
    }

    pub(super) fn finish_extract(&self, run: &ExtractRunRecord, status: RunStatus, now: i64) -> RunState {
        self.extract_run_finish(&run.id, run.fence, &finish(run, status, now + MINUTE), now).unwrap()
    }

    /// Queues `RUN` and completes it: its archive expires a minute later.
    pub(super) fn complete_extract(&self, tenant_name: &str, run_id: &str, now: i64) -> ExtractRunRecord {
        self.queue_extract(tenant_name, run_id, now);
        let run = self.claim_extract(now).unwrap();
        assert_eq!(run.id, run_id);
        assert_eq!(self.finish_extract(&run, RunStatus::Completed, now), RunState::Held);
        self.extract_run(tenant_name, run_id)
    }
}
