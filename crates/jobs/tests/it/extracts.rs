//! Extracts in a house: made, waited for, read.

use std::ops::Range;
use std::time::Instant;

use futures_util::StreamExt;
use reinstate_jobs::ExtractFile;
use reinstate_store::control::{ExtractRunRecord, RunStatus};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::backend::Backend;
use crate::harness::*;

/// A house whose tenant `acme` has so many notes.
pub(crate) fn house_with_notes(backend: Backend, count: usize) -> House {
    let house = House::new(backend);
    house.completed("acme", &house.import("acme", &notes(&lines(0, count))).run_id);
    house
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

impl House {
    /// Makes a configuration and answers its id.
    pub(crate) fn extract_configuration(&self, tenant: &str, mut body: Json) -> String {
        body["name"] = json!("An extract");
        let created = self.jobs.extracts_create(&tenant_id(tenant), &full(), &[body]).unwrap();
        let created: Json = serde_json::from_str(&created[0]).unwrap();
        created["id"].as_str().unwrap().to_owned()
    }

    /// Makes a configuration and queues a run of it.
    pub(crate) fn extract(&self, tenant: &str, body: Json) -> String {
        let id = self.extract_configuration(tenant, body);
        self.jobs.extract_run(&tenant_id(tenant), &full(), &id).unwrap()
    }

    /// Waits until a run ended and its worker let go of it.
    pub(crate) fn extract_ended(&self, tenant: &str, run_id: &str) -> ExtractRunRecord {
        let begin = Instant::now();
        loop {
            let run = self.store.control.extract_run_get(&tenant_id(tenant), run_id).unwrap();
            if run.status.has_ended() && run.lease_owner.is_none() {
                return run;
            }
            assert!(begin.elapsed() < PATIENCE, "the run stays as it is: {run:#?}");
            std::thread::park_timeout(std::time::Duration::from_millis(2));
        }
    }

    pub(crate) fn extracted(&self, tenant: &str, run_id: &str) -> ExtractRunRecord {
        let run = self.extract_ended(tenant, run_id);
        assert_eq!(run.status, RunStatus::Completed, "{:?} {:?}", run.error, run.error_detail);
        run
    }

    /// The bytes of a part of a file.
    pub(crate) fn bytes(&self, file: &ExtractFile, range: Range<u64>) -> Vec<u8> {
        block_on(async {
            let mut stream = self.jobs.extract_bytes(file, range).await.unwrap();
            let mut bytes = Vec::new();
            while let Some(piece) = stream.next().await {
                bytes.extend_from_slice(&piece.unwrap());
            }
            bytes
        })
    }

    /// The archive of a run, compared with its checksum.
    pub(crate) fn archive(&self, tenant: &str, run_id: &str) -> Vec<u8> {
        let file = self.jobs.extract_download(&tenant_id(tenant), &full(), run_id).unwrap();
        let bytes = self.bytes(&file, 0..file.size_bytes);
        assert_eq!(sha256(&bytes), file.checksum);
        bytes
    }

    /// The files under the folder of archives.
    pub(crate) fn archives(&self) -> Vec<String> {
        self.files_under("extracts")
    }
}
