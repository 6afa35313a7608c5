//! `reinstate extract`: has a server write a tenant's data out, follows that to the end, and fetches the archive.

use std::collections::BTreeMap;
use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use clap::Args;
use reinstate_api::client::{Client, ClientError, Downloaded};
use reinstate_api::extract::{ArtifactRecord, ExtractBody, ExtractRunRecord};
use reinstate_api::restore::RunStatus;
use serde::Serialize;
use serde_json::Value as Json;
use tempfile::NamedTempFile;

use crate::error::ProgramError;
use crate::interrupt::{cancel_is_wanted, interrupted};
use crate::progress::Progress;
use crate::run_watch;
use crate::table::{self, grouped};

/// The name of an extract that was given none.
const NAME: &str = "Extract";

/// How long the server keeps the archive, in days: it is fetched at once, and a day is left to fetch it again by hand
/// where that fails.
const RETENTION_DAYS: u32 = 1;

/// Permissions of the file before the user's mask: as any program makes files.
const FILE_MODE: u32 = 0o666;

/// Extracts models and records of a tenant into an archive and downloads it, with a progress bar and a summary.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  REINSTATE_TOKEN=… reinstate extract --models orders,customers -o orders.zip\n\n\
    The extract configuration that this makes on the server is removed at the end; the run stays in its history.\n\
    Ctrl-C asks once whether to cancel the run on the server.\n\
    Exit codes: 0 the archive is there, 1 the run failed or was cancelled, 2 wrong usage."
)]
pub(crate) struct ExtractArguments {
    /// The archive to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Only these models, with commas between [default: all]
    #[arg(long, value_delimiter = ',')]
    models: Option<Vec<String>>,
    /// What to write out, with a comma between [server's default: describe,data]
    #[arg(long, value_delimiter = ',', value_parser = ["describe", "data"])]
    include: Option<Vec<String>>,
    /// Only these records, as JSON: {"orders": {"status": "paid"}}
    #[arg(long, value_name = "JSON", value_parser = filter)]
    filter: Option<BTreeMap<String, Json>>,
    /// Name of the extract in the server's history
    #[arg(long, default_value = NAME)]
    name: String,
    /// Overwrite the file where it is there
    #[arg(long)]
    force: bool,
    /// Address of the server
    #[arg(long, env = "REINSTATE_URL", default_value = "http://127.0.0.1:9001")]
    url: String,
    /// Token of the caller, which needs access level full
    #[arg(long, env = "REINSTATE_TOKEN", hide_env_values = true)]
    token: String,
    /// Print one JSON object for programs, and no progress
    #[arg(long)]
    json: bool,
}

/// What came of an extract.
#[derive(Debug, Serialize)]
struct Report {
    /// The run as the server has it.
    run: ExtractRunRecord,
    /// The archive; null where there is none.
    file: Option<FileReport>,
    /// Its entries.
    entries: Vec<ArtifactRecord>,
}

/// The file that was written.
#[derive(Debug, Serialize)]
struct FileReport {
    path: String,
    size_bytes: u64,
    checksum: String,
}

/// Extracts and downloads. True where the archive is there.
///
/// # Errors
/// Where the file cannot be written, the server refuses or is not there, or the output cannot be written.
pub(crate) async fn run(arguments: &ExtractArguments, out: &mut impl Write) -> Result<bool, ProgramError> {
    let client = Client::new(&arguments.url, arguments.token.clone())?;
    // Whether it can be written is found out before the server has worked for it.
    let file = Unfinished::begin(&arguments.output, arguments.force)?;
    let body = body(arguments);
    // From here on an interrupt does not end the program by itself, and nothing is left behind.
    let extract = tokio::select! {
        made = client.extract_create(&body) => made?,
        () = interrupted() => return Err(ProgramError::ExtractInterrupted),
    };
    let report = extracted(&client, &extract.id, arguments, file).await;
    // It has served its purpose; a run that goes on without this program needs it still.
    if let Err(error) = client.extract_remove(&extract.id).await {
        eprintln!("warning: the extract configuration {} could not be removed: {error}", extract.id);
    }
    let report = report?;
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report).map_err(std::io::Error::from)?)?;
    } else {
        report.print(out)?;
    }
    Ok(report.file.is_some())
}

/// Runs a configuration and fetches what comes of it.
async fn extracted(
    client: &Client,
    extract_id: &str,
    arguments: &ExtractArguments,
    file: Unfinished,
) -> Result<Report, ProgramError> {
    let progress = Progress::new(!arguments.json);
    let run = follow(client, extract_id, &progress).await?;
    if run.status != RunStatus::Completed {
        return Ok(Report { run, file: None, entries: Vec::new() });
    }
    let downloaded = download(client, &run.id, &file, &progress).await?;
    let entries = client.artifacts(&run.id).await?;
    file.finish()?;
    let path = arguments.output.display().to_string();
    let Downloaded { size_bytes, checksum } = downloaded;
    Ok(Report { run, file: Some(FileReport { path, size_bytes, checksum }), entries })
}

fn body(arguments: &ExtractArguments) -> ExtractBody {
    ExtractBody {
        name: arguments.name.clone(),
        include: arguments.include.clone(),
        models: arguments.models.clone(),
        filter: arguments.filter.as_ref().map(|filter| serde_json::json!(filter)),
        retention_days: Some(RETENTION_DAYS),
        ..ExtractBody::default()
    }
}

/// Reads `--filter`: what is no object of objects would only be refused after a round to the server.
fn filter(text: &str) -> Result<BTreeMap<String, Json>, String> {
    let filter: BTreeMap<String, Json> = serde_json::from_str(text)
        .map_err(|error| format!("it must be a JSON object with a condition for each model: {error}"))?;
    match filter.iter().find(|(_, condition)| !condition.is_object()) {
        None => Ok(filter),
        Some((model, _)) => {
            Err(format!("the condition of '{model}' must be an object like {{\"field\": value}}"))
        }
    }
}

/// Starts a run and follows it to its end; cancels it on the way if the user wants that.
async fn follow(
    client: &Client,
    extract_id: &str,
    progress: &Progress,
) -> Result<ExtractRunRecord, ClientError> {
    let accepted = client.extract_run(extract_id).await?;
    progress.extract_begins();
    let ended = run_watch::until_extracted(client, &accepted.run_id, progress);
    tokio::pin!(ended);
    let run = tokio::select! {
        run = &mut ended => run,
        () = cancel_is_wanted(progress) => {
            // A run that ended meanwhile cannot be cancelled; its record tells.
            if let Err(error) = client.extract_cancel(extract_id).await {
                progress.aside(|| eprintln!("{error}"));
            }
            ended.await
        }
    };
    progress.ends();
    run
}

async fn download(
    client: &Client,
    run_id: &str,
    file: &Unfinished,
    progress: &Progress,
) -> Result<Downloaded, ProgramError> {
    progress.transfer_begins("downloading");
    let shown = |done, total| progress.transferred(done, total);
    // Nothing is worth asking here: the archive stays on the server, and half of one is of no use.
    let downloaded = tokio::select! {
        downloaded = client.extract_download(run_id, file.path(), shown) => downloaded,
        () = interrupted() => return Err(ProgramError::DownloadInterrupted { run_id: run_id.to_owned() }),
    };
    progress.ends();
    Ok(downloaded?)
}

/// A file beside the one that is wanted, which takes its place once it is whole. Dropping it removes it.
struct Unfinished {
    beside: NamedTempFile,
    wanted: PathBuf,
    is_replacing: bool,
}

impl Unfinished {
    fn begin(wanted: &Path, is_replacing: bool) -> Result<Self, ProgramError> {
        // A folder cannot be taken the place of, and a device must not be.
        if wanted.metadata().is_ok_and(|there| !there.is_file()) {
            return Err(unwritable(wanted, "it is no ordinary file"));
        }
        if !is_replacing && wanted.symlink_metadata().is_ok() {
            return Err(ProgramError::OutputExists { path: wanted.to_owned() });
        }
        let folder = wanted.parent().filter(|folder| !folder.as_os_str().is_empty());
        let beside = tempfile::Builder::new()
            .prefix(".reinstate-")
            .suffix(".part")
            .permissions(Permissions::from_mode(FILE_MODE))
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .map_err(|error| unwritable(wanted, error))?;
        Ok(Self { beside, wanted: wanted.to_owned(), is_replacing })
    }

    fn path(&self) -> &Path {
        self.beside.path()
    }

    /// Puts the file in its place, where another program may have put one meanwhile.
    fn finish(self) -> Result<(), ProgramError> {
        let failed = |error: std::io::Error| unwritable(&self.wanted, error);
        // A name must not outlive a loss of power that the bytes do not.
        File::open(self.beside.path()).and_then(|file| file.sync_all()).map_err(failed)?;
        let placed = match self.is_replacing {
            true => self.beside.persist(&self.wanted),
            false => self.beside.persist_noclobber(&self.wanted),
        };
        match placed {
            Ok(_) => Ok(()),
            Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                Err(ProgramError::OutputExists { path: self.wanted })
            }
            Err(error) => Err(unwritable(&self.wanted, error.error)),
        }
    }
}

fn unwritable(path: &Path, error: impl std::fmt::Display) -> ProgramError {
    ProgramError::Client(ClientError::Unwritable {
        path: path.display().to_string(),
        message: error.to_string(),
    })
}

impl Report {
    fn print(&self, out: &mut impl Write) -> Result<(), ProgramError> {
        let run = &self.run;
        let time =
            run.duration_ms.map_or_else(String::new, |ms| format!(" in {} ms", grouped(ms.unsigned_abs())));
        writeln!(out, "Run {} {}{time}", run.id, run.status.as_str())?;
        if let Some(file) = &self.file {
            self.print_entries(out)?;
            let (records, models) = (grouped(run.records_exported), grouped(run.models_exported));
            writeln!(out, "  {records} records of {models} models")?;
            writeln!(out, "Wrote {} ({} bytes, SHA-256 verified)", file.path, grouped(file.size_bytes))?;
        }
        if let Some(error) = &run.error {
            writeln!(out, "error: {error}")?;
        }
        for line in run.error_detail.iter().flat_map(|detail| detail.lines()) {
            writeln!(out, "  {line}")?;
        }
        Ok(())
    }

    fn print_entries(&self, out: &mut impl Write) -> Result<(), ProgramError> {
        let row = |entry: &ArtifactRecord| vec![entry.artifact_name.clone(), grouped(entry.size_bytes)];
        let rows: Vec<Vec<String>> = self.entries.iter().map(row).collect();
        for line in table::lines(&["entry", "bytes"], &rows) {
            writeln!(out, "{line}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_objects_of_objects() {
        assert_eq!(filter(r#"{"orders":{"status":"paid"}}"#).unwrap()["orders"]["status"], "paid");
        for text in ["", "[]", "{", r#"{"orders":"paid"}"#, "null"] {
            assert!(filter(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_that_is_not_finished_leaves_nothing_and_none_is_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = folder.path().join("out.zip");
        let files = || std::fs::read_dir(folder.path()).unwrap().count();
        drop(Unfinished::begin(&wanted, false).unwrap());
        assert_eq!(files(), 0);
        let late = Unfinished::begin(&wanted, false).unwrap();
        std::fs::write(&wanted, "theirs").unwrap();
        assert!(matches!(late.finish(), Err(ProgramError::OutputExists { .. })));
        assert!(matches!(Unfinished::begin(&wanted, false), Err(ProgramError::OutputExists { .. })));
        assert_eq!((std::fs::read_to_string(&wanted).unwrap().as_str(), files()), ("theirs", 1));
        let forced = Unfinished::begin(&wanted, true).unwrap();
        std::fs::write(forced.path(), "ours").unwrap();
        forced.finish().unwrap();
        assert_eq!((std::fs::read_to_string(&wanted).unwrap().as_str(), files()), ("ours", 1));
    }
}
