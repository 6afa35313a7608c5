//! A server of a test's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use crate::database::run;
use crate::instance::Instance;

/// What a cluster is to be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterOptions {
    /// Connections that it takes at most.
    pub max_connections: u32,
    /// Whether it speaks TLS, and nothing else, to whoever comes over TCP.
    pub tls: bool,
    /// Whether all other settings are the server's own and it lies on disk, as measurements want it; else it keeps
    /// nothing safe, lies in memory where there is room, and is quick.
    pub plain: bool,
}

impl Default for ClusterOptions {
    fn default() -> Self {
        // Tests run side by side, with several pools each.
        Self { max_connections: 500, tls: false, plain: false }
    }
}

/// A server of a test's own: it can be stopped and started. Goes with the value, and with the test's process however
/// that ends.
///
/// It needs the server's programs: `REINSTATE_TEST_POSTGRES_URL` does not help here.
#[derive(Debug)]
pub struct Cluster {
    instance: Instance,
    root_certificate: Option<PathBuf>,
    supervisor: Option<Child>,
}

impl Cluster {
    /// Makes a cluster and starts it.
    ///
    /// # Panics
    /// Where there are no programs, or they fail.
    #[must_use]
    pub fn start_new(options: ClusterOptions) -> Self {
        let mut instance = Instance::create(options);
        let supervisor = Some(instance.start_first(Stdio::piped));
        let root_certificate = options.tls.then(|| instance.root_certificate());
        Self { instance, root_certificate, supervisor }
    }

    /// The URL of its first database, for its superuser.
    #[must_use]
    pub fn url(&self) -> String {
        self.instance.url()
    }

    /// The certificate that signed the server's own, where it speaks TLS.
    #[must_use]
    pub fn root_certificate(&self) -> Option<&Path> {
        self.root_certificate.as_deref()
    }

    /// Stops it at once, as a crash would; what was committed is recovered at the next start.
    ///
    /// # Panics
    /// Where it does not stop.
    pub fn stop(&mut self) {
        let Some(mut supervisor) = self.supervisor.take() else { return };
        self.instance.keep_folder();
        drop(supervisor.stdin.take());
        supervisor.wait().expect("the supervisor's end");
    }

    /// Starts it after a stop, on the same port.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(&mut self) {
        if self.supervisor.is_none() {
            let started = self.instance.start(Stdio::piped());
            let child = started.unwrap_or_else(|(_, log)| panic!("PostgreSQL did not start: {log}"));
            self.supervisor = Some(child);
        }
    }

    /// Runs statements in its first database.
    ///
    /// # Panics
    /// Where they fail.
    pub fn execute(&self, sql: &str) {
        run(&self.url(), sql);
    }

    /// Stops and starts it.
    ///
    /// # Panics
    /// As the two do.
    pub fn restart_immediate(&mut self) {
        self.stop();
        self.start();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut supervisor) = self.supervisor.take() {
            drop(supervisor.stdin.take());
            let _ = supervisor.wait();
        }
        // Where it was stopped before, nobody else removes it.
        let _ = fs::remove_dir_all(&self.instance.folder);
    }
}
