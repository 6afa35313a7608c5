//! `reinstate demo`: the main job in one command. Everything goes through the public HTTP API, as it would from
//! another machine.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use reinstate_api::client::{Client, ImportOptions};
use reinstate_describe::AccessLevel;
use reinstate_http::auth::{TokenRequest, mint};
use reinstate_store::TenantId;
use uuid::Uuid;

use crate::configuration::{FileOrigin, Layers, Origins, Settings, variables};
use crate::error::ProgramError;
use crate::progress::Progress;
use crate::run_report::RunReport;
use crate::server::{self, Server, Stopped};
use crate::signals::StopSignals;
use crate::{logging, run_watch};

/// The Chinook sample database as an extract archive.
const SAMPLE: &[u8] = include_bytes!("../../sample/chinook.zip");
/// The name under which it is uploaded.
const SAMPLE_NAME: &str = "chinook.zip";
/// The tenant of the demo.
const TENANT: &str = "demo";
/// Long enough to play for a day.
const TOKEN_TTL: Duration = Duration::from_secs(24 * 60 * 60);

/// Starts a server of its own, imports the bundled sample through the HTTP API, and shows what came of it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reinstate demo --once")]
pub(crate) struct DemoArguments {
    /// End after the result instead of serving on
    #[arg(long)]
    once: bool,
    /// Port on 127.0.0.1 [default: a free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    port: u16,
    /// Folder for the data [default: a temporary one, removed at the end]
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
}

/// A server for the demo and what its client needs.
struct Demo {
    server: Server,
    token: String,
    /// Where the sample is written for the upload.
    folder: PathBuf,
}

/// Runs the demo. True where the import completed.
///
/// # Errors
/// Where the server cannot start or the import cannot be followed.
pub(crate) fn run(arguments: &DemoArguments, out: &mut impl Write) -> Result<bool, ProgramError> {
    let temporary = tempfile::tempdir()?;
    let data_dir = arguments.data_dir.clone().unwrap_or_else(|| temporary.path().join("data"));
    // 244 random bits, known to this process alone.
    let secret = format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple());
    let settings = settings(&data_dir, arguments.port, &secret)?;
    logging::start(&settings.log);
    let runtime = server::runtime()?;
    let result = runtime.block_on(async {
        let mut signals = StopSignals::listen()?;
        let server = Server::start(&settings).await?;
        let demo = Demo { server, token: token(&secret)?, folder: temporary.path().to_path_buf() };
        demo.show(arguments.once, &mut signals, out).await
    });
    runtime.shutdown_background();
    result
}

impl Demo {
    async fn show(
        self,
        once: bool,
        signals: &mut StopSignals,
        out: &mut impl Write,
    ) -> Result<bool, ProgramError> {
        writeln!(
            out,
            "Importing the sample {SAMPLE_NAME} through {}/api/restores/import",
            self.server.url()
        )?;
        let report = tokio::select! {
            report = self.import() => report?,
            () = signals.next() => {
                self.server.stop().await;
                return Ok(false);
            }
        };
        report.print(out)?;
        if once {
            self.server.stop().await;
            return Ok(report.is_completed());
        }
        self.print_ways_on(out)?;
        Ok(self.server.run_until(signals).await == Stopped::Orderly && report.is_completed())
    }

    /// Uploads the sample and follows its restore to the end.
    async fn import(&self) -> Result<RunReport, ProgramError> {
        let path = self.folder.join(SAMPLE_NAME);
        std::fs::write(&path, SAMPLE)?;
        let client = Client::new(&self.server.url(), self.token.clone())?;
        let progress = Progress::new(true);
        progress.transfer_begins("uploading");
        let shown = progress.clone();
        let sent = move |sent, total| shown.transferred(sent, total);
        let accepted = client.import(&path, &ImportOptions::default(), sent).await?;
        progress.run_begins();
        let run = run_watch::until_ended(&client, &accepted.run_id, &progress).await;
        progress.ends();
        Ok(RunReport::read(&client, run?).await?)
    }

    fn print_ways_on(&self, out: &mut impl Write) -> Result<(), ProgramError> {
        let url = self.server.url();
        writeln!(
            out,
            "\nServing on {url}/ until Ctrl-C. A token with full access to the tenant {TENANT}:\n"
        )?;
        writeln!(out, "  export TOKEN={}\n", self.token)?;
        writeln!(
            out,
            "  curl -H \"Authorization: Bearer $TOKEN\" '{url}/api/data/tracks?limit=2&select=id,name'"
        )?;
        out.flush()?;
        Ok(())
    }
}

/// Settings that depend on nothing around the demo but what it may log.
fn settings(data_dir: &Path, port: u16, secret: &str) -> Result<Settings, ProgramError> {
    let is_log = |name: &str| name == "REINSTATE_LOG" || name == "REINSTATE_LOG_FORMAT";
    let quiet = ("REINSTATE_LOG".to_owned(), "warn".to_owned());
    let environment = std::iter::once(quiet).chain(variables()?.into_iter().filter(|(name, _)| is_log(name)));
    let flags = vec![
        ("listen", format!("127.0.0.1:{port}")),
        ("data_dir", data_dir.display().to_string()),
        ("jwt_secret", secret.to_owned()),
    ];
    let layers =
        Layers::load(Origins { file: FileOrigin::Nowhere, environment: environment.collect(), flags })?;
    Settings::from_layers(&layers)
}

fn token(secret: &str) -> Result<String, ProgramError> {
    let tenant = TenantId::new(TENANT).map_err(|error| std::io::Error::other(error.to_string()))?;
    let request = TokenRequest { tenant: &tenant, level: AccessLevel::Full, user: "demo", ttl: TOKEN_TTL };
    Ok(mint(secret, &request)?)
}
