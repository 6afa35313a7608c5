//! `reinstate import`: sends an archive to a server and follows its restore to the end.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use reinstate_api::client::{Client, ClientError, ImportOptions};
use reinstate_api::restore::{ImportAccepted, RunRecord};
use reinstate_engine::Strategy;

use crate::error::ProgramError;
use crate::interrupt::cancel_is_wanted;
use crate::progress::Progress;
use crate::run_report::RunReport;
use crate::run_watch;

/// Uploads an extract archive to a server and restores it, with a progress bar and a summary.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  REINSTATE_TOKEN=… reinstate import Sales-2025-01-19.zip --conflict-strategy sync\n\n\
    Ctrl-C asks once whether to cancel the run on the server.\n\
    Exit codes: 0 the run completed, 1 it failed or was cancelled, 2 wrong usage."
)]
pub(crate) struct ImportArguments {
    /// The archive
    file: PathBuf,
    /// Address of the server
    #[arg(long, env = "REINSTATE_URL", default_value = "http://127.0.0.1:9001")]
    url: String,
    /// Token of the caller
    #[arg(long, env = "REINSTATE_TOKEN", hide_env_values = true)]
    token: String,
    /// What happens to records that exist [server's default: upsert]
    #[arg(long, value_parser = PossibleValuesParser::new(Strategy::ALL.map(Strategy::as_str)))]
    conflict_strategy: Option<String>,
    /// What to restore, with a comma between [server's default: describe,data]
    #[arg(long, value_delimiter = ',', value_parser = ["describe", "data"])]
    include: Option<Vec<String>>,
    /// Only these models, with commas between
    #[arg(long)]
    models: Option<String>,
    /// Whether models may be created [server's default: true]
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    create_models: Option<bool>,
    /// Print one JSON object for programs, and no progress
    #[arg(long)]
    json: bool,
}

/// Imports an archive. True where the run completed.
///
/// # Errors
/// Where the file cannot be read, the server refuses or is not there, or the output cannot be written.
pub(crate) async fn run(arguments: &ImportArguments, out: &mut impl Write) -> Result<bool, ProgramError> {
    let client = Client::new(&arguments.url, arguments.token.clone())?;
    let progress = Progress::new(!arguments.json);
    let accepted = upload(&client, arguments, &progress).await?;
    if !arguments.json {
        let config = &accepted.config;
        writeln!(out, "Restoring {} ({})", accepted.filename, config.conflict_strategy)?;
    }
    let run = follow(&client, &accepted, &progress).await?;
    let report = RunReport::read(&client, run).await?;
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report).map_err(std::io::Error::from)?)?;
    } else {
        report.print(out)?;
    }
    Ok(report.is_completed())
}

async fn upload(
    client: &Client,
    arguments: &ImportArguments,
    progress: &Progress,
) -> Result<ImportAccepted, ProgramError> {
    let options = ImportOptions {
        conflict_strategy: arguments.conflict_strategy.clone(),
        include: arguments.include.as_ref().map(|parts| parts.join(",")),
        models: arguments.models.clone(),
        create_models: arguments.create_models,
    };
    progress.transfer_begins("uploading");
    let shown = progress.clone();
    let sending = client.import(&arguments.file, &options, move |sent, total| shown.transferred(sent, total));
    // A broken upload leaves nothing behind on the server, so there is nothing to ask.
    let accepted = tokio::select! {
        accepted = sending => accepted,
        Ok(()) = tokio::signal::ctrl_c() => return Err(ProgramError::UploadInterrupted),
    };
    progress.ends();
    Ok(accepted?)
}

/// Follows the run to its end; cancels it on the way if the user wants that.
async fn follow(
    client: &Client,
    accepted: &ImportAccepted,
    progress: &Progress,
) -> Result<RunRecord, ClientError> {
    progress.run_begins();
    let ended = run_watch::until_ended(client, &accepted.run_id, progress);
    tokio::pin!(ended);
    let run = tokio::select! {
        run = &mut ended => run,
        () = cancel_is_wanted(progress) => {
            // A run that ended or began to commit meanwhile cannot be cancelled; its record tells.
            if let Err(error) = client.cancel(&accepted.restore_id).await {
                progress.aside(|| eprintln!("{error}"));
            }
            ended.await
        }
    };
    progress.ends();
    run
}
