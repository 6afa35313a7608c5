//! The built server: a process of its own on a free port, as its users run it.

use std::error::Error;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use reinstate_api::client::{Client, ImportOptions};
use reinstate_api::restore::{RunRecord, RunStatus};
use reinstate_describe::AccessLevel;
use reinstate_http::auth::{TokenRequest, mint};
use reinstate_store::TenantId;
use tokio::runtime::Runtime;

use crate::machine::{forget_peak, memory_mib};

const SECRET: &str = "a secret of more than thirty-two bytes, for this bench alone";

/// How long a server may take to start.
const START_MAX: Duration = Duration::from_secs(30);

/// After this time without requests a server that just started is idle.
const SETTLE: Duration = Duration::from_millis(500);

/// Pause between two looks at a run.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Entries that an archive may have: the models of the largest one, its definitions and its manifest.
const ENTRIES_MAX: &str = "20000";

/// A running server; it ends with the value.
pub(crate) struct Server {
    child: Child,
    url: String,
    pub(crate) runtime: Runtime,
}

/// Where the program is: beside the folder of this example.
fn program() -> Result<PathBuf, Box<dyn Error>> {
    let example = std::env::current_exe()?;
    let folder = example.parent().and_then(Path::parent).ok_or("this program lies in no folder")?;
    let program = folder.join("reinstate");
    if program.is_file() {
        return Ok(program);
    }
    Err(format!("{} is missing; build it first", program.display()).into())
}

impl Server {
    /// Starts a server with its data in a folder, and records in a PostgreSQL database where one is named, and waits
    /// until it listens and is idle.
    pub(crate) fn start(data: &Path, database_url: Option<&str>) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(program()?);
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("REINSTATE_"))
        {
            command.env_remove(name);
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(data);
        command.env("REINSTATE_JWT_SECRET", SECRET).env("REINSTATE_LOG", "error");
        // An interrupt at the terminal reaches it too.
        command.env("REINSTATE_ARCHIVE_ENTRIES_MAX", ENTRIES_MAX).env("REINSTATE_SHUTDOWN_GRACE_S", "0");
        command.envs(database_url.map(|url| ("REINSTATE_DATABASE_URL", url)));
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let output = child.stdout.take();
        // From here on the server ends with the value.
        let mut server = Self { child, url: String::new(), runtime: runtime()? };
        server.url = address(output.ok_or("the server has no output")?)?;
        pause(SETTLE);
        Ok(server)
    }

    /// A client with full access to a tenant.
    pub(crate) fn client(&self, tenant: &str) -> Result<Client, Box<dyn Error>> {
        let tenant = TenantId::new(tenant)?;
        let ttl = Duration::from_secs(86_400);
        let request = TokenRequest { tenant: &tenant, level: AccessLevel::Full, user: "bench", ttl };
        Ok(Client::new(&self.url, mint(SECRET, &request)?)?)
    }

    /// Sends an archive and answers the id of the run that restores it.
    pub(crate) fn import(&self, client: &Client, archive: &Path) -> Result<String, Box<dyn Error>> {
        let options = ImportOptions::default();
        Ok(self.runtime.block_on(client.import(archive, &options, |_, _| {}))?.run_id)
    }

    /// Waits for the end of a run, which must be a good one.
    pub(crate) fn completed(&self, client: &Client, run_id: &str) -> Result<RunRecord, Box<dyn Error>> {
        loop {
            let run = self.runtime.block_on(client.run(run_id))?;
            if run.status.is_ended() {
                return completed(run);
            }
            pause(LOOK_EVERY);
        }
    }

    /// MiB that the server holds now.
    pub(crate) fn memory_mib(&self) -> Result<f64, Box<dyn Error>> {
        Ok(memory_mib(self.child.id(), "VmRSS").ok_or("the kernel does not tell what a process holds")?)
    }

    /// MiB that the server held at most since [`Self::forget_peak`].
    pub(crate) fn peak_mib(&self) -> Result<f64, Box<dyn Error>> {
        Ok(memory_mib(self.child.id(), "VmHWM").ok_or("the kernel does not tell what a process held")?)
    }

    /// Begins to look for the peak anew.
    pub(crate) fn forget_peak(&self) -> Result<(), Box<dyn Error>> {
        Ok(forget_peak(self.child.id())?)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The run, if it did all.
pub(crate) fn completed(run: RunRecord) -> Result<RunRecord, Box<dyn Error>> {
    if run.status == RunStatus::Completed {
        return Ok(run);
    }
    let detail = run.error_detail.unwrap_or_default();
    Err(format!("{}: {} {detail}", run.status.as_str(), run.error.unwrap_or_default()).into())
}

fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}

/// Where a server says that it listens.
fn address(output: impl std::io::Read + Send + 'static) -> Result<String, Box<dyn Error>> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let address = line.split_whitespace().find(|word| word.starts_with("http://"));
            // Whoever has the address does not listen any more, but the server must be able to write on.
            address.map(|address| send.send(address.to_owned()));
        }
    });
    receive.recv_timeout(START_MAX).map_err(|_| "the server did not start".into())
}

/// Lets time pass in which others work.
pub(crate) fn pause(time: Duration) {
    let end = Instant::now() + time;
    while let Some(left) = end.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        std::thread::park_timeout(left);
    }
}
