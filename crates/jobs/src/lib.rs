//! What goes on behind the API: archives are taken in and put away as objects, runs are queued, and workers
//! carry them out.
//!
//! A worker claims a run from the control plane, opens its archive, and hands both to the engine together with
//! the tenant's data. Beside it a watcher renews the lease and looks out for a cancel, and a recorder turns
//! events into progress and logs. [`Jobs`] is the handle to all of it.

mod backoff;
mod body;
mod checksum;
mod custody;
mod data_lock;
mod error;
mod execution;
mod extracts;
mod halves;
mod ids;
mod janitor;
mod jobs;
mod latch;
mod lease;
mod objects;
mod orphans;
mod outcome;
mod panic_text;
mod patience;
mod queue_listener;
mod recorder;
mod restores;
mod server_clock;
mod settings;
mod settlement;
mod signal;
mod sources;
mod statistics;
mod uploads;
mod watcher;
mod worker;

pub use custody::Custody;
pub use data_lock::DataLock;
pub use error::{FieldFault, JobsError, StorageFault};
pub use extracts::ExtractFile;
pub use ids::{SystemClock, TimeOrderedIds};
pub use jobs::Jobs;
pub use objects::{
    BlockingWriter, BucketUrl, ByteStream, ObjectReader, ObjectWriter, Objects, S3Keys, S3Settings,
    StorageSettings, StorageUrl, StorageUrlError,
};
pub use restores::{ImportForm, ImportOptions, Imported};
pub use settings::JobSettings;
pub use statistics::{EndedRuns, JobStats};
pub use uploads::{CheckedUpload, StoredUpload, UploadWriter};
