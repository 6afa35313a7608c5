//! The archives that are restored: made when they are first asked for, and kept for all that asks later.

use std::error::Error;
use std::fmt::Write;
use std::fs::File;
use std::path::PathBuf;
use std::sync::mpsc::{SyncSender, sync_channel};

use reinstate_archive::{ArchiveWriter, ManifestHeader};

use crate::data::{self, FIELDS, Random, Set, record};

/// Fields of the model of [`Shape::Wide`].
const WIDE_FIELDS: u64 = 400;

/// Bytes of the text of a record of [`Shape::Long`]; a line is a little longer.
const LONG_BYTES: usize = 1_000_000;

/// Threads that make lines while another packs them.
const MAKERS: u64 = 2;

/// Lines are made in pieces of about so many bytes.
const PIECE_BYTES: usize = 256 * 1_024;

/// Pieces that wait to be packed, of each thread.
const PIECES_WAITING: usize = 4;

/// What an archive holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// One model of 19 columns.
    Orders { set: Set, records: u64 },
    /// The same with indexes of two of its fields.
    Indexed { records: u64 },
    /// One model of 400 fields.
    Wide { records: u64 },
    /// One model with records of 1 MB.
    Long { records: u64 },
    /// Models of 19 columns, each with an index of one field.
    Models { models: u64, records_each: u64 },
}

impl Shape {
    /// All records of the archive.
    pub(crate) fn records(self) -> u64 {
        match self {
            Self::Orders { records, .. }
            | Self::Indexed { records }
            | Self::Wide { records }
            | Self::Long { records } => records,
            Self::Models { models, records_each } => models * records_each,
        }
    }

    fn file_name(self) -> String {
        let letters = |text: String| text.replace(|letter: char| !letter.is_ascii_alphanumeric(), "");
        format!("{}.zip", letters(format!("{self:?}")))
    }

    fn describe(self) -> Result<String, std::fmt::Error> {
        let mut text = String::new();
        match self {
            Self::Orders { .. } => write!(text, "orders:\n  fields:\n{FIELDS}")?,
            Self::Indexed { .. } => write!(text, "orders:\n  fields:\n{}", indexed(&["email", "quantity"]))?,
            Self::Wide { .. } => {
                text.push_str("orders:\n  fields:\n");
                for number in 0..WIDE_FIELDS {
                    writeln!(text, "    f{number:03}: {{ type: {} }}", wide_type(number))?;
                }
            }
            Self::Long { .. } => text.push_str("orders:\n  fields:\n    note: { type: text }\n"),
            Self::Models { models, .. } => {
                let fields = indexed(&["email"]);
                (0..models).try_for_each(|model| write!(text, "{}:\n  fields:\n{fields}", name(model)))?;
            }
        }
        Ok(text)
    }

    /// The models and how many records each has.
    fn entries(self) -> Vec<(String, u64)> {
        match self {
            Self::Models { models, records_each } => {
                (0..models).map(|model| (name(model), records_each)).collect()
            }
            _ => vec![("orders".to_owned(), self.records())],
        }
    }

    fn write_line(self, number: u64, seed: u64, line: &mut String) -> std::fmt::Result {
        let mut random = Random(seed.rotate_left(32) ^ number);
        match self {
            Self::Orders { set, .. } => data::write_line(&record(number, set, seed), line),
            Self::Indexed { .. } | Self::Models { .. } => {
                data::write_line(&record(number, Set::First, seed), line)
            }
            Self::Wide { .. } => {
                write!(line, "{{\"id\":\"{number:012}\"")?;
                for field in 0..WIDE_FIELDS {
                    let value = random.next() % 1_000_000;
                    match wide_type(field) {
                        "text" => write!(line, ",\"f{field:03}\":\"amber {value}\"")?,
                        _ => write!(line, ",\"f{field:03}\":{value}")?,
                    }
                }
                line.push('}');
                Ok(())
            }
            Self::Long { .. } => {
                write!(line, "{{\"id\":\"{number:012}\",\"note\":\"")?;
                for _ in 0..LONG_BYTES / 16 {
                    write!(line, "{:016x}", random.next())?;
                }
                line.push_str("\"}");
                Ok(())
            }
        }
    }
}

/// [`FIELDS`] with an index of some.
fn indexed(names: &[&str]) -> String {
    let line = |line: &str| {
        let is_one = names.iter().any(|name| line.trim_start().starts_with(&format!("{name}:")));
        format!("{}\n", if is_one { line.replace(" }", ", index: true }") } else { line.to_owned() })
    };
    FIELDS.lines().map(line).collect()
}

fn name(model: u64) -> String {
    format!("orders_{model:05}")
}

fn wide_type(field: u64) -> &'static str {
    match field % 4 {
        0 | 1 => "text",
        2 => "integer",
        _ => "bigint",
    }
}

/// A folder with the archives.
pub(crate) struct Archives {
    pub(crate) folder: PathBuf,
    pub(crate) seed: u64,
}

impl Archives {
    /// The file of an archive, which is made where it is not there yet.
    pub(crate) fn path(&self, shape: Shape) -> Result<PathBuf, Box<dyn Error>> {
        let path = self.folder.join(shape.file_name());
        if !path.exists() {
            let making = path.with_extension("part");
            self.write(&making, shape)?;
            std::fs::rename(making, &path)?;
        }
        Ok(path)
    }

    fn write(&self, path: &std::path::Path, shape: Shape) -> Result<(), Box<dyn Error>> {
        let mut writer = ArchiveWriter::new(File::create(path)?, ManifestHeader::default());
        writer.start_entry("describe.yaml")?;
        writer.write(shape.describe()?.as_bytes())?;
        for (model, records) in shape.entries() {
            writer.start_entry(&format!("{model}.jsonl"))?;
            self.write_records(&mut writer, shape, records)?;
        }
        writer.finish()?;
        Ok(())
    }

    /// Packs the lines of one model in their order while other threads make the next ones in turns.
    fn write_records(
        &self,
        writer: &mut ArchiveWriter<File>,
        shape: Shape,
        records: u64,
    ) -> Result<(), Box<dyn Error>> {
        let mut first = String::new();
        shape.write_line(0, self.seed, &mut first)?;
        let lines = (PIECE_BYTES / first.len()).max(1) as u64;
        if records <= lines {
            return Ok(piece(shape, self.seed, 0..records)?
                .lines()
                .try_for_each(|line| writer.write_line(line.as_bytes()))?);
        }
        std::thread::scope(|scope| {
            let pieces: Vec<_> = (0..MAKERS)
                .map(|maker| {
                    let (send, receive) = sync_channel(PIECES_WAITING);
                    scope.spawn(move || make(&send, shape, self.seed, lines, maker, records));
                    receive
                })
                .collect();
            for pieces in pieces.iter().cycle() {
                let Ok(piece) = pieces.recv() else { return Ok(()) };
                piece?.lines().try_for_each(|line| writer.write_line(line.as_bytes()))?;
            }
            Ok(())
        })
    }
}

/// Makes every [`MAKERS`]th piece of the lines of a model, beginning with the piece `maker`.
fn make(
    pieces: &SyncSender<Result<String, std::fmt::Error>>,
    shape: Shape,
    seed: u64,
    lines: u64,
    maker: u64,
    records: u64,
) {
    for first in (maker * lines..records).step_by((MAKERS * lines) as usize) {
        // Where nobody listens any more the packing failed, and says so itself.
        if pieces.send(piece(shape, seed, first..records.min(first + lines))).is_err() {
            return;
        }
    }
}

fn piece(shape: Shape, seed: u64, numbers: std::ops::Range<u64>) -> Result<String, std::fmt::Error> {
    let mut text = String::with_capacity(PIECE_BYTES + PIECE_BYTES / 4);
    for number in numbers {
        shape.write_line(number, seed, &mut text)?;
        text.push('\n');
    }
    Ok(text)
}
