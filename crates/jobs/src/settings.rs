//! What an operator can set about workers and uploads.

use reinstate_archive::Limits;

/// Settings of [`crate::Jobs`].
#[derive(Debug, Clone)]
pub struct JobSettings {
    /// Runs worked on at once by this process; 0 means none: it only queues.
    pub workers: usize,
    /// How long a worker may go without a sign of life before others take its run, in milliseconds.
    pub lease_ms: u64,
    /// How often an idle worker looks for runs that nobody told it of, in milliseconds.
    pub poll_ms: u64,
    /// The same while the process hears of whatever other processes queue, give or take a tenth.
    pub poll_listening_ms: u64,
    /// How often a running worker looks whether its run was cancelled, in milliseconds.
    pub cancel_poll_ms: u64,
    /// Least time between two notes of progress, in milliseconds.
    pub progress_ms: u64,
    /// How often a run is started before it is given up as interrupted.
    pub attempts_max: i32,
    /// How long an upload is kept, in days.
    pub upload_retention_days: u32,
    /// Size of an upload at most, in bytes.
    pub upload_bytes_max: u64,
    /// What an archive may ask for.
    pub limits: Limits,
}

impl Default for JobSettings {
    /// One worker a core.
    fn default() -> Self {
        Self {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            // Three signs of life fit in, so that one slow write loses no run.
            lease_ms: 15_000,
            // Queueing wakes workers at once; this only finds what came back after a wait.
            poll_ms: 500,
            // What is left to find then are leases that ended: a third of the default one.
            poll_listening_ms: 5_000,
            // A cancel must be followed within 250 ms.
            cancel_poll_ms: 100,
            // Four notes a second.
            progress_ms: 250,
            attempts_max: 3,
            upload_retention_days: 7,
            upload_bytes_max: 10 << 30,
            limits: Limits::default(),
        }
    }
}
