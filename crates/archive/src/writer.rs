//! Writes an archive as a stream: nothing is written twice, so the other end may be a socket.
//!
//! Sizes and CRC follow each entry (data descriptors), as in the archives of the original platform. The same
//! calls give the same bytes: no clock, no host, fixed order.

use std::cell::Cell;
use std::collections::HashSet;
use std::io::{self, Write};

use memchr::memchr;
use sha2::{Digest, Sha256};
use zip::write::{SimpleFileOptions, StreamWriter, ZipWriter};
use zip::{CompressionMethod, DateTime, System};

use crate::content::hex;
use crate::entry::{EntryKind, MANIFEST_NAME};
use crate::error::{ArchiveError, shown};
use crate::manifest::{Artifact, MANIFEST_VERSION, Manifest};

/// Bytes that are hashed and packed at once: lines are short, and each call below has its price. What was just hashed is
/// packed while it is still near the processor.
const BUFFER_BYTES: usize = 64 << 10;
/// Mode of every entry: a plain file that its owner writes and all read.
const MODE: u32 = 0o644;
/// Deflate level unless another is asked for. JSON lines pack more than three times as fast as at level 6, the usual
/// one, and take about a tenth more room.
const LEVEL_DEFAULT: u8 = 2;

/// What the manifest says about the archive as a whole. Clock and ids come from the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestHeader {
    /// When the archive was made, RFC 3339.
    pub generated_at: Option<String>,
    /// The extract run that makes it.
    pub run_id: Option<String>,
    /// The extract that the run belongs to.
    pub extract_id: Option<String>,
    /// Format of the data entries.
    pub format: Option<String>,
    /// Which parts were asked for.
    pub include: Option<Vec<String>>,
}

impl Default for ManifestHeader {
    /// Describe and data as JSON lines, from nowhere in particular.
    fn default() -> Self {
        Self {
            generated_at: None,
            run_id: None,
            extract_id: None,
            format: Some("jsonl".to_owned()),
            include: Some(vec!["describe".to_owned(), "data".to_owned()]),
        }
    }
}

/// Writes `describe.yaml` and data entries, and the manifest at the end.
///
/// A writer that is dropped before [`finish`](Self::finish) leaves a cut-off file behind, never one that reads as
/// a complete archive.
///
/// ```
/// use reinstate_archive::{ArchiveWriter, ManifestHeader};
///
/// # fn main() -> Result<(), reinstate_archive::ArchiveError> {
/// let mut bytes = Vec::new();
/// let mut writer = ArchiveWriter::new(&mut bytes, ManifestHeader::default());
/// writer.start_entry("describe.yaml")?;
/// writer.write(b"orders:\n  fields: {}\n")?;
/// writer.start_entry("orders.jsonl")?;
/// writer.write_line(br#"{"id":"a"}"#)?;
/// let manifest = writer.finish()?;
///
/// assert_eq!(manifest.artifacts.len(), 2);
/// assert_eq!(manifest.artifacts[1].kind.as_deref(), Some("data-orders"));
/// assert_eq!(manifest.artifacts[1].records, Some(1));
/// # Ok(())
/// # }
/// ```
pub struct ArchiveWriter<W: Write> {
    zip: Option<ZipWriter<StreamWriter<Gate<W>>>>,
    options: SimpleFileOptions,
    header: ManifestHeader,
    artifacts: Vec<Artifact>,
    /// Lower-case names written so far: a reader refuses two of one name.
    names: HashSet<String>,
    open: Option<OpenEntry>,
}

/// An archive that was written to its end.
#[derive(Debug)]
pub struct Written<W> {
    /// The manifest, with an artifact for every entry but itself.
    pub manifest: Manifest,
    /// The manifest's own entry, of type `manifest`.
    pub manifest_artifact: Artifact,
    /// What was written to.
    pub inner: W,
}

/// The entry that is being written.
struct OpenEntry {
    name: String,
    kind: String,
    buffer: Vec<u8>,
    hasher: Sha256,
    written_bytes: u64,
    records: u64,
    /// Whether the line that isn't ended yet holds anything but white space.
    line_has_text: bool,
    is_data: bool,
}

impl<W: Write> std::fmt::Debug for ArchiveWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ArchiveWriter")
            .field("artifacts", &self.artifacts)
            .field("open", &self.open.as_ref().map(|entry| &entry.name))
            .finish_non_exhaustive()
    }
}

impl<W: Write> ArchiveWriter<W> {
    /// Starts an archive. Each write to `inner` is a large one; no buffer is needed around it.
    pub fn new(inner: W, header: ManifestHeader) -> Self {
        Self::with_level(inner, header, LEVEL_DEFAULT)
    }

    /// Starts an archive with a deflate level from 1 (fast) to 9 (small); other values mean the nearest of these.
    pub fn with_level(inner: W, header: ManifestHeader, level: u8) -> Self {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(level.clamp(1, 9).into()))
            .last_modified_time(DateTime::default())
            .system(System::Unix)
            .unix_permissions(MODE)
            // An entry's size isn't known when its header is written, and may pass 4 GiB.
            .large_file(true);
        Self {
            zip: Some(ZipWriter::new_stream(Gate { inner, shut: Cell::new(false) })),
            options,
            header,
            artifacts: Vec::new(),
            names: HashSet::new(),
            open: None,
        }
    }

    /// Ends the entry before and starts `describe.yaml` or `NAME.jsonl`.
    ///
    /// # Errors
    /// [`ArchiveError::NotWritable`] for another name, or one that was written already (without case);
    /// [`ArchiveError::Io`].
    pub fn start_entry(&mut self, name: &str) -> Result<(), ArchiveError> {
        let refuse = |detail| Err(ArchiveError::NotWritable { entry: shown(name), detail });
        let (kind, is_data) = match EntryKind::of(name) {
            EntryKind::Describe => ("describe".to_owned(), false),
            EntryKind::Data { model } => (format!("data-{model}"), true),
            EntryKind::Manifest => return refuse("the manifest is written at the end"),
            EntryKind::Unknown => return refuse("only describe.yaml and NAME.jsonl belong into an archive"),
        };
        let is_plain = !name.starts_with('.') && !name.contains(['\\', '\0', ':']);
        if !is_plain {
            return refuse("a reader would refuse or ignore this name");
        }
        if !self.names.insert(name.to_lowercase()) {
            return refuse("the archive has one of this name");
        }
        self.end_entry()?;
        let options = self.options;
        self.zip()?.start_file(name, options).map_err(zip_error)?;
        self.open = Some(OpenEntry {
            name: name.to_owned(),
            kind,
            buffer: Vec::with_capacity(BUFFER_BYTES),
            hasher: Sha256::new(),
            written_bytes: 0,
            records: 0,
            line_has_text: false,
            is_data,
        });
        Ok(())
    }

    /// Writes one line and its `\n` to the open entry.
    ///
    /// # Errors
    /// [`ArchiveError::NotWritable`] where no entry is open or `line` holds a line break; [`ArchiveError::Io`].
    pub fn write_line(&mut self, line: &[u8]) -> Result<(), ArchiveError> {
        if memchr(b'\n', line).is_some() {
            let entry = self.open.as_ref().map(|entry| entry.name.clone()).unwrap_or_default();
            return Err(ArchiveError::NotWritable { entry, detail: "a line holds a line break" });
        }
        self.write(line)?;
        self.write(b"\n")
    }

    /// Writes a piece of the open entry, of any length and with any line breaks.
    ///
    /// # Errors
    /// [`ArchiveError::NotWritable`] where no entry is open; [`ArchiveError::Io`].
    pub fn write(&mut self, piece: &[u8]) -> Result<(), ArchiveError> {
        let Some(open) = &mut self.open else {
            return Err(ArchiveError::NotWritable { entry: String::new(), detail: "no entry was started" });
        };
        if open.is_data {
            open.count_records(piece);
        }
        let room = BUFFER_BYTES.saturating_sub(open.buffer.len());
        let Some((begin, rest)) = piece.split_at_checked(room) else {
            open.buffer.extend_from_slice(piece);
            return Ok(());
        };
        // An entry is cut at the same places whatever pieces it comes in, so that its packed form is the same too.
        open.buffer.extend_from_slice(begin);
        self.flush_buffer()?;
        let mut blocks = rest.chunks_exact(BUFFER_BYTES);
        for block in blocks.by_ref() {
            self.pack(block)?;
        }
        if let Some(open) = &mut self.open {
            open.buffer.extend_from_slice(blocks.remainder());
        }
        Ok(())
    }

    /// Inflated bytes of the open entry so far; 0 where none is open.
    pub fn entry_bytes(&self) -> u64 {
        self.open.as_ref().map_or(0, |open| open.written_bytes + open.buffer.len() as u64)
    }

    /// Writes the manifest and the directory, and returns the manifest.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn finish(self) -> Result<Manifest, ArchiveError> {
        Ok(self.finish_into()?.manifest)
    }

    /// [`finish`](Self::finish) that hands back what was written to, flushed, and what the manifest cannot say: its
    /// own figures.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub fn finish_into(mut self) -> Result<Written<W>, ArchiveError> {
        self.end_entry()?;
        let header = std::mem::take(&mut self.header);
        let manifest = Manifest {
            version: MANIFEST_VERSION.to_owned(),
            generated_at: header.generated_at,
            run_id: header.run_id,
            extract_id: header.extract_id,
            format: header.format,
            include: header.include,
            artifacts: std::mem::take(&mut self.artifacts),
        };
        let text =
            serde_json::to_vec_pretty(&manifest).map_err(|error| ArchiveError::writing(error.into()))?;
        let options = self.options;
        let zip = self.zip()?;
        zip.start_file(MANIFEST_NAME, options).map_err(zip_error)?;
        zip.write_all(&text).map_err(ArchiveError::writing)?;
        let zip = self.zip.take().ok_or_else(gone)?;
        let Gate { mut inner, shut } = zip.finish().map_err(zip_error)?.into_inner();
        if shut.get() {
            return Err(gone());
        }
        inner.flush().map_err(ArchiveError::writing)?;
        let manifest_artifact = Artifact {
            kind: Some("manifest".to_owned()),
            name: MANIFEST_NAME.to_owned(),
            size: Some(text.len() as u64),
            checksum: Some(hex(&Sha256::digest(&text))),
            records: None,
        };
        Ok(Written { manifest, manifest_artifact, inner })
    }

    /// Notes the open entry in the manifest.
    fn end_entry(&mut self) -> Result<(), ArchiveError> {
        self.flush_buffer()?;
        if let Some(open) = self.open.take() {
            self.artifacts.push(Artifact {
                kind: Some(open.kind),
                name: open.name,
                size: Some(open.written_bytes),
                checksum: Some(hex(&open.hasher.finalize())),
                records: Some(open.records + u64::from(open.line_has_text)),
            });
        }
        Ok(())
    }

    /// Hashes and packs what has been gathered.
    fn flush_buffer(&mut self) -> Result<(), ArchiveError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let mut gathered = std::mem::take(&mut open.buffer);
        self.pack(&gathered)?;
        gathered.clear();
        if let Some(open) = &mut self.open {
            open.buffer = gathered;
        }
        Ok(())
    }

    /// Hashes and packs the next bytes of the open entry.
    fn pack(&mut self, bytes: &[u8]) -> Result<(), ArchiveError> {
        let (Some(open), Some(zip)) = (&mut self.open, &mut self.zip) else { return Ok(()) };
        open.hasher.update(bytes);
        zip.write_all(bytes).map_err(ArchiveError::writing)?;
        open.written_bytes += bytes.len() as u64;
        Ok(())
    }

    fn zip(&mut self) -> Result<&mut ZipWriter<StreamWriter<Gate<W>>>, ArchiveError> {
        self.zip.as_mut().ok_or_else(gone)
    }
}

impl<W: Write> Drop for ArchiveWriter<W> {
    fn drop(&mut self) {
        // ZipWriter completes the directory when it is dropped; an unfinished archive must not look complete.
        if let Some(stream) = self.zip.as_ref().and_then(ZipWriter::get_ref) {
            stream.get_ref().shut.set(true);
        }
    }
}

impl OpenEntry {
    /// Counts the lines that end in `piece` and hold more than white space.
    fn count_records(&mut self, piece: &[u8]) {
        let mut rest = piece;
        while let Some(position) = memchr(b'\n', rest) {
            let (line, after) = rest.split_at_checked(position).unwrap_or((rest, &[]));
            self.records += u64::from(self.line_has_text || has_text(line));
            self.line_has_text = false;
            rest = after.get(1..).unwrap_or_default();
        }
        self.line_has_text = self.line_has_text || has_text(rest);
    }
}

fn has_text(line: &[u8]) -> bool {
    !line.trim_ascii().is_empty()
}

/// Passes writes on until it is shut or one fails; then swallows them, which leaves the file cut off.
/// [`ZipWriter`] shows what it writes to by reference only, hence the cell.
struct Gate<W> {
    inner: W,
    shut: Cell<bool>,
}

impl<W: Write> Write for Gate<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.shut.get() {
            return Ok(bytes.len());
        }
        let written = self.inner.write(bytes);
        if written.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted) {
            self.shut.set(true);
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.shut.get() { Ok(()) } else { self.inner.flush() }
    }
}

fn zip_error(error: zip::result::ZipError) -> ArchiveError {
    ArchiveError::writing(error.into())
}

fn gone() -> ArchiveError {
    ArchiveError::writing(io::Error::other("an earlier write failed"))
}
