//! The extract procedure: read one state of a tenant, write it down as an archive.
//!
//! Reading and writing JSON happen on the caller's thread, packing on a thread of its own; between the two stands a
//! channel bounded in bytes, so that memory does not grow with the tenant. The same records give the same entries,
//! byte for byte: models by their names, fields by their places, records by their ids, JSON in its canonical spelling.

mod error;
mod packer;
mod plan;
mod progress;
mod request;

use std::io::Write;
use std::ops::ControlFlow;

use reinstate_archive::{Artifact, DATA_SUFFIX, DESCRIBE_NAME, Limits};
use reinstate_describe::value::timestamp;
use reinstate_describe::{Lines, write_describe};
use serde::Deserialize;

use crate::channel::Channel;
use crate::port::Cancellation;
use crate::source::{Source, SourceError};
use packer::{Feeder, Packed};
use plan::{Export, Plan};
use progress::Reporter;

pub use error::{ExtractError, ExtractFailure};
pub use progress::{ExtractPhase, ExtractProgress};
pub use request::{ExtractEnvironment, ExtractRequest};

/// Bytes of JSON lines on their way to the packer: a few pieces, so that neither waits for the other at every turn.
const CHANNEL_BYTES_MAX: usize = 2 << 20;

/// Entries of an archive besides those with records: the definitions and the manifest.
const OTHER_ENTRIES: usize = 2;

/// An extract that was written to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extracted {
    /// Every entry of the archive, the manifest last.
    pub artifacts: Vec<Artifact>,
    /// Records written.
    pub records: u64,
    /// Models written.
    pub models: u64,
    /// Whether a record with an access list is inside: then not everybody who may read the tenant may read the
    /// archive.
    pub is_restricted: bool,
}

/// Writes what a source holds into `output`, and hands that back, flushed.
///
/// After a failure `output` holds a part of an archive that no reader takes for a whole one.
///
/// # Errors
/// [`ExtractFailure`]: why there is no archive, and how far the run had got.
pub fn extract<W: Write + Send>(
    source: &mut dyn Source,
    output: W,
    request: &ExtractRequest,
    environment: ExtractEnvironment<'_>,
) -> Result<(Extracted, W), ExtractFailure> {
    let ExtractEnvironment { clock, progress, cancellation } = environment;
    let generated_at = timestamp::format(clock.now_micros());
    let mut reporter = Reporter::new(progress);
    run(source, output, request, generated_at, &mut reporter, cancellation).map_err(|error| ExtractFailure {
        error: Box::new(told(error, cancellation)),
        records: reporter.records(),
        models: reporter.models(),
    })
}

/// A source that was interrupted does not know why, and an output that fails may fail because of it; the wish to stop
/// does.
fn told(error: ExtractError, cancellation: &Cancellation) -> ExtractError {
    match (error, cancellation.stopped()) {
        (ExtractError::Source(SourceError::Stopped) | ExtractError::Output(_), Some(stop)) => {
            ExtractError::Stopped(stop)
        }
        (error, _) => error,
    }
}

fn run<W: Write + Send>(
    source: &mut dyn Source,
    output: W,
    request: &ExtractRequest,
    generated_at: String,
    reporter: &mut Reporter<'_>,
    cancellation: &Cancellation,
) -> Result<(Extracted, W), ExtractError> {
    let plan = plan::plan(&source.catalog()?, request)?;
    if plan.exports.len().saturating_add(OTHER_ENTRIES) > request.limits.entries_max {
        return Err(ExtractError::TooLarge { what: "entries", limit: request.limits.entries_max as u64 });
    }
    let header = request.manifest_header(generated_at);
    let channel = Channel::new(CHANNEL_BYTES_MAX);
    let (sender, receiver) = (channel.end(), channel.end());
    let (fed, packed) = std::thread::scope(|scope| {
        let packing = scope.spawn(move || packer::pack(&receiver, output, header, request.level));
        // Dropping the feeder tells the packer that nothing more comes; unless it was told of the end, it leaves the
        // archive cut off.
        let (feeder, limits) = (Feeder::new(sender), &request.limits);
        let fed =
            Writing { feeder, limits, cancellation, is_restricted: false }.write(source, &plan, reporter);
        (fed, packing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    });
    // Where the packer failed, the other side only knows that nobody listens.
    let packed = packed?;
    let is_restricted = fed?;
    let Packed { artifacts, output } = packed.ok_or_else(packer::gone)?;
    let (records, models) = (reporter.records(), reporter.models());
    Ok((Extracted { artifacts, records, models, is_restricted }, output))
}

/// The reading side.
struct Writing<'a> {
    feeder: Feeder<'a>,
    limits: &'a Limits,
    cancellation: &'a Cancellation,
    is_restricted: bool,
}

impl Writing<'_> {
    /// Writes everything, and says whether a record with an access list is among it.
    fn write(
        mut self,
        source: &mut dyn Source,
        plan: &Plan,
        reporter: &mut Reporter<'_>,
    ) -> Result<bool, ExtractError> {
        if plan.describe {
            let text = write_describe(plan.exports.iter().map(|export| export.layout.model()));
            if text.len() as u64 > self.limits.describe_bytes_max {
                let limit = self.limits.describe_bytes_max;
                return Err(ExtractError::TooLarge { what: "bytes in describe.yaml", limit });
            }
            self.feeder.entry(DESCRIBE_NAME.to_owned())?;
            self.feeder.piece(text)?;
        }
        reporter.described(plan.exports.len());
        if plan.data {
            let mut total = 0;
            for export in &plan.exports {
                self.look()?;
                total += source.records_estimate(&export.selection(&plan.caller))?;
            }
            reporter.data_begins(total);
            for export in &plan.exports {
                self.write_model(source, plan, export, reporter)?;
            }
        }
        self.look()?;
        self.feeder.end()?;
        Ok(self.is_restricted)
    }

    fn write_model(
        &mut self,
        source: &mut dyn Source,
        plan: &Plan,
        export: &Export,
        reporter: &mut Reporter<'_>,
    ) -> Result<(), ExtractError> {
        let model = export.layout.model().name.as_str();
        reporter.model_begins(model);
        self.feeder.entry(format!("{model}{DATA_SUFFIX}"))?;
        let mut failed = None;
        source.lines_read(&export.selection(&plan.caller), &mut |lines| {
            let records = lines.records;
            match self.look().and_then(|()| self.write_lines(export, lines)) {
                Ok(()) => {
                    reporter.records_written(records);
                    ControlFlow::Continue(())
                }
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(()), Err)?;
        reporter.model_ends();
        Ok(())
    }

    fn write_lines(&mut self, export: &Export, lines: Lines) -> Result<(), ExtractError> {
        self.is_restricted = self.is_restricted || lines.is_restricted;
        if lines.longest_bytes > self.limits.line_bytes_max {
            let (model, id) = (export.layout.model().name.to_string(), id_of(lines.longest()));
            return Err(ExtractError::RecordTooLong { model, id, bytes_max: self.limits.line_bytes_max });
        }
        self.feeder.piece(lines.text)?;
        if self.feeder.bytes() > self.limits.uncompressed_bytes_max {
            let limit = self.limits.uncompressed_bytes_max;
            return Err(ExtractError::TooLarge { what: "bytes in all", limit });
        }
        Ok(())
    }

    /// Fails where the run was asked to stop.
    fn look(&self) -> Result<(), ExtractError> {
        self.cancellation.stopped().map_or(Ok(()), |stop| Err(ExtractError::Stopped(stop)))
    }
}

/// The id of a record from its line.
fn id_of(line: &str) -> String {
    #[derive(Deserialize)]
    struct Record {
        id: String,
    }
    serde_json::from_str(line).map_or_else(|_| String::new(), |record: Record| record.id)
}
