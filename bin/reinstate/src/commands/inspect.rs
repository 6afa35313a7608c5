//! `reinstate inspect`: what is in an archive, and why it would be refused. Needs no server.

use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;

use clap::Args;
use reinstate_archive::{Archive, EntryKind, Inspection, Limits};
use reinstate_describe::Model;
use reinstate_describe::yaml::{DescribeFile, DescribeLimits, parse_describe};
use serde::Serialize;

use crate::error::ProgramError;
use crate::table;

/// Shows what an extract archive holds and checks it whole: entries, models, fields, record counts, checksums.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  reinstate inspect Sales-2025-01-19.zip\n\n\
    Exit codes: 0 the archive is sound, 1 it would be refused, 2 wrong usage.")]
pub(crate) struct InspectArguments {
    /// The archive
    file: PathBuf,
    /// Print one JSON object for programs
    #[arg(long)]
    json: bool,
}

/// Everything that is said about an archive.
#[derive(Debug, Serialize)]
struct Report {
    file: String,
    accepted: bool,
    entries: Vec<EntryReport>,
    models: Vec<ModelReport>,
    reserved_models: Vec<String>,
    warnings: Vec<String>,
    faults: Vec<String>,
}

/// One entry of the archive.
#[derive(Debug, Serialize)]
struct EntryReport {
    name: String,
    size: u64,
    compressed_size: u64,
    records: Option<u64>,
    /// `verified` against the manifest, `unlisted` where it names none, `refused`; the manifest is `manifest`.
    checksum: &'static str,
}

/// One model of the description.
#[derive(Debug, Serialize)]
struct ModelReport {
    name: String,
    fields: Vec<FieldReport>,
}

/// One field of a model.
#[derive(Debug, Serialize)]
struct FieldReport {
    name: String,
    r#type: String,
    required: bool,
    unique: bool,
}

/// Inspects an archive and prints what was found. True where it would be accepted.
///
/// # Errors
/// Where the file cannot be opened or the output cannot be written.
pub(crate) fn run(arguments: &InspectArguments, out: &mut impl Write) -> Result<bool, ProgramError> {
    let unreadable = |error: std::io::Error| ProgramError::FileUnreadable {
        path: arguments.file.clone(),
        message: error.to_string(),
    };
    let file = File::open(&arguments.file).map_err(unreadable)?;
    let report = inspect(arguments.file.display().to_string(), BufReader::new(file));
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&report).map_err(std::io::Error::from)?)?;
    } else {
        print(&report, out)?;
    }
    Ok(report.accepted)
}

fn inspect(file: String, reader: BufReader<File>) -> Report {
    let mut inspection = Archive::inspect(reader, Limits::default());
    let mut faults: Vec<String> = inspection.faults.iter().map(ToString::to_string).collect();
    let describe = describe(&mut inspection, &mut faults);
    let mut warnings: Vec<String> = archive_warnings(&inspection);
    warnings.extend(
        describe
            .warnings
            .iter()
            .map(|warning| format!("describe.yaml, line {}: {}", warning.line, warning.message)),
    );
    Report {
        file,
        accepted: faults.is_empty(),
        entries: entries(&inspection),
        models: describe.models.iter().map(model).collect(),
        reserved_models: describe.reserved,
        warnings,
        faults,
    }
}

/// The description, where there is a sound one; its faults go to the others.
fn describe(inspection: &mut Inspection<BufReader<File>>, faults: &mut Vec<String>) -> DescribeFile {
    // An entry that cannot be read is among the archive's own faults already.
    let text = inspection.archive.as_mut().and_then(|archive| archive.describe_text().ok().flatten());
    // The archive has its own limit on this entry.
    let limits = DescribeLimits { bytes_max: usize::MAX, ..DescribeLimits::default() };
    match text.map(|text| parse_describe(&text, &limits)) {
        None => DescribeFile::default(),
        Some(Ok(describe)) => describe,
        Some(Err(found)) => {
            faults.extend(found.iter().map(|fault| format!("describe.yaml, {fault}")));
            DescribeFile::default()
        }
    }
}

fn archive_warnings(inspection: &Inspection<BufReader<File>>) -> Vec<String> {
    let archive = inspection.archive.iter();
    archive.flat_map(|archive| archive.warnings()).map(ToString::to_string).collect()
}

fn entries(inspection: &Inspection<BufReader<File>>) -> Vec<EntryReport> {
    let entries = inspection.archive.iter().flat_map(|archive| archive.entries());
    entries
        .map(|entry| {
            let verdict = inspection.verdicts.iter().find(|verdict| verdict.name == entry.name);
            EntryReport {
                name: entry.name.clone(),
                size: entry.uncompressed_bytes,
                compressed_size: entry.compressed_bytes,
                records: verdict.and_then(|verdict| verdict.records),
                checksum: match verdict {
                    Some(_) if entry.kind == EntryKind::Manifest => "manifest",
                    Some(verdict) if verdict.checksum_verified => "verified",
                    Some(_) => "unlisted",
                    None => "refused",
                },
            }
        })
        .collect()
}

fn model(model: &Model) -> ModelReport {
    let fields = model.fields.values().map(|field| FieldReport {
        name: field.name.to_string(),
        r#type: match field.is_array {
            true => format!("{}, array", field.field_type),
            false => field.field_type.to_string(),
        },
        required: field.required,
        unique: field.unique,
    });
    ModelReport { name: model.name.to_string(), fields: fields.collect() }
}

fn print(report: &Report, out: &mut impl Write) -> Result<(), ProgramError> {
    writeln!(out, "{}", report.file)?;
    let number = |number: Option<u64>| number.map_or_else(String::new, table::grouped);
    let entries: Vec<Vec<String>> = report
        .entries
        .iter()
        .map(|entry| {
            let size = number(Some(entry.size));
            vec![entry.name.clone(), size, number(entry.records), entry.checksum.to_owned()]
        })
        .collect();
    if !entries.is_empty() {
        writeln!(out, "\nEntries")?;
        print_table(&["name", "bytes", "records", "checksum"], &entries, out)?;
    }
    if !report.models.is_empty() {
        writeln!(out, "\nModels")?;
    }
    for model in &report.models {
        let fields: Vec<String> =
            model.fields.iter().map(|field| format!("{} {}", field.name, field.r#type)).collect();
        writeln!(out, "  {}: {}", model.name, fields.join(", "))?;
    }
    for name in &report.reserved_models {
        writeln!(out, "  {name}: reserved, left out of a restore")?;
    }
    print_list("Warnings", &report.warnings, out)?;
    print_list("Faults", &report.faults, out)?;
    let verdict = if report.accepted { "The archive is sound." } else { "The archive would be refused." };
    writeln!(out, "\n{verdict}")?;
    Ok(())
}

fn print_table(head: &[&str], rows: &[Vec<String>], out: &mut impl Write) -> Result<(), ProgramError> {
    for line in table::lines(head, rows) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

fn print_list(title: &str, items: &[String], out: &mut impl Write) -> Result<(), ProgramError> {
    if !items.is_empty() {
        writeln!(out, "\n{title}")?;
    }
    for item in items {
        writeln!(out, "  {item}")?;
    }
    Ok(())
}
