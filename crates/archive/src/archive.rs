//! An archive that has been opened: its directory is checked, its manifest is read, its entries can be streamed.

use std::io::{Read, Seek};
use std::ops::ControlFlow;
use std::thread::Scope;

use crate::ahead::Ahead;
use crate::content::{Content, EntryContent};
use crate::directory;
use crate::entry::{DESCRIBE_NAME, DataEntry, Entry, EntryKind, MANIFEST_NAME, Warning, classify};
use crate::error::{ArchiveError, shown};
use crate::faults::Faults;
use crate::limits::Limits;
use crate::lines::{LineReader, Source};
use crate::manifest::{Artifact, Manifest};

/// Buffer for entries that are only verified, bytes.
const VERIFY_BYTES: usize = 64 << 10;

/// An extract archive over anything that reads and seeks.
///
/// Opening reads the directory, the header of each entry and the manifest; no other entry is inflated. Memory
/// holds the directory and the manifest; entries pass through one buffer. Nothing is ever unpacked to disk.
///
/// ```
/// use std::io::Cursor;
/// use reinstate_archive::{Archive, ArchiveWriter, Limits, ManifestHeader};
///
/// # fn main() -> Result<(), reinstate_archive::ArchiveError> {
/// let mut bytes = Vec::new();
/// let mut writer = ArchiveWriter::new(&mut bytes, ManifestHeader::default());
/// writer.start_entry("orders.jsonl")?;
/// writer.write_line(br#"{"id":1}"#)?;
/// writer.write_line(br#"{"id":2}"#)?;
/// writer.finish()?;
///
/// let mut archive = Archive::open(Cursor::new(bytes), Limits::default())?;
/// let entry = archive.data_entries().next().cloned().expect("one data entry");
/// assert_eq!((entry.model.as_str(), entry.records), ("orders", Some(2)));
///
/// let mut lines = archive.lines(&entry.name)?;
/// while let Some(line) = lines.next_line()? {
///     assert_eq!(line.text, format!(r#"{{"id":{}}}"#, line.number));
/// }
/// // `None` came back: size, CRC, checksum and record count are right.
/// assert_eq!(lines.records(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Archive<R> {
    reader: R,
    limits: Limits,
    entries: Vec<Entry>,
    /// Positions in `entries`, in the order of their names.
    by_name: Vec<usize>,
    data_entries: Vec<DataEntry>,
    manifest: Option<Manifest>,
    warnings: Vec<Warning>,
}

/// What reading an entry to its end has shown. That there is one means: sizes and CRC are right, and nothing that
/// the manifest lists about the entry is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryVerdict {
    /// Entry name.
    pub name: String,
    /// Inflated size in bytes.
    pub uncompressed_bytes: u64,
    /// Records found, for data entries.
    pub records: Option<u64>,
    /// Whether the manifest lists a checksum, and the content therefore matches it.
    pub checksum_verified: bool,
}

/// All that can be said about a file that may or may not be an acceptable archive.
#[derive(Debug)]
pub struct Inspection<R> {
    /// The archive, unless its directory can't be made out; entries with a fault are missing from it.
    pub archive: Option<Archive<R>>,
    /// One for each entry that was read to its end without a fault, in the order of the directory.
    pub verdicts: Vec<EntryVerdict>,
    /// Every reason to refuse it (up to 200); empty for an acceptable archive.
    pub faults: Vec<ArchiveError>,
}

impl<R: Read + Seek> Archive<R> {
    /// Opens an archive for reading. The first fault ends it.
    ///
    /// # Errors
    /// Whatever directory, local headers and manifest tell: not a ZIP, cut off, a limit exceeded, an entry that is
    /// refused, a manifest that can't be read or that disagrees about entries and sizes. Faults inside the data
    /// of entries show when these are read.
    pub fn open(reader: R, limits: Limits) -> Result<Self, ArchiveError> {
        Self::open_with(reader, limits, &mut Faults::StopAtFirst)
    }

    /// Reads everything there is and gathers the faults instead of stopping at one.
    pub fn inspect(reader: R, limits: Limits) -> Inspection<R> {
        let mut faults = Faults::Gather(Vec::new());
        let mut verdicts = Vec::new();
        let read = Self::open_with(reader, limits, &mut faults).and_then(|mut archive| {
            archive.read_through(&mut faults, &mut verdicts)?;
            Ok(archive)
        });
        let archive = match read {
            Ok(archive) => Some(archive),
            Err(error) => {
                // A gathering report never fails.
                let _ = faults.report(error);
                None
            }
        };
        Inspection { archive, verdicts, faults: faults.into_found() }
    }

    /// Every reason to refuse the archive, up to 200; empty where there is none. Reads all of it.
    pub fn faults(reader: R, limits: Limits) -> Vec<ArchiveError> {
        Self::inspect(reader, limits).faults
    }

    fn open_with(mut reader: R, limits: Limits, faults: &mut Faults) -> Result<Self, ArchiveError> {
        let mut entries = classify(directory::scan(&mut reader, &limits, faults)?);
        check_whole_entries(&mut entries, &limits, faults)?;
        let mut by_name: Vec<usize> = (0..entries.len()).collect();
        by_name.sort_by_key(|index| entries.get(*index).map(|entry| &entry.name));
        let (data_entries, warnings) = (Vec::new(), Vec::new());
        let mut archive = Self { reader, limits, entries, by_name, data_entries, manifest: None, warnings };
        match archive.read_manifest() {
            Ok(manifest) => archive.manifest = manifest,
            Err(error) => faults.report(error)?,
        }
        archive.check_manifest(faults)?;
        archive.warnings = archive.entries.iter().filter_map(|entry| archive.warning(entry)).collect();
        archive.data_entries = archive.entries.iter().filter_map(|entry| archive.data_entry(entry)).collect();
        Ok(archive)
    }

    /// The accepted entries in the order of the directory, `manifest.json` among them. Folders, dot files and
    /// `__MACOSX/` are left out; a folder that all others lie under is taken off their names.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// What the owner of the archive should hear of.
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }

    /// The manifest, where the archive has one.
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// The entries that hold records, in the order of the directory.
    pub fn data_entries(&self) -> impl Iterator<Item = &DataEntry> {
        self.data_entries.iter()
    }

    /// The whole of `describe.yaml`, verified; `None` where the archive has none.
    ///
    /// # Errors
    /// Damaged data, a checksum that doesn't match the manifest, [`ArchiveError::Io`].
    pub fn describe_text(&mut self) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.read_whole(DESCRIBE_NAME)
    }

    /// Starts to read the data entry `name` (see [`DataEntry::name`]).
    ///
    /// # Errors
    /// [`ArchiveError::NoSuchEntry`] where there is no data entry of that name, [`ArchiveError::Io`].
    pub fn lines(&mut self, name: &str) -> Result<LineReader<'_>, ArchiveError> {
        self.lines_of(name, |content| Source::Here(Box::new(content)))
    }

    /// As [`lines`](Self::lines), with the entry inflated and verified on a thread of its own, a few blocks of 256 KiB
    /// ahead of the lines. The thread ends with the entry, or soon after the reader is dropped.
    ///
    /// # Errors
    /// As [`lines`](Self::lines).
    pub fn lines_ahead<'scope>(
        &'scope mut self,
        name: &str,
        scope: &'scope Scope<'scope, '_>,
    ) -> Result<LineReader<'scope>, ArchiveError>
    where
        R: Send,
    {
        self.lines_of(name, |content| Source::Ahead(Ahead::start(content, scope)))
    }

    fn lines_of<'a>(
        &'a mut self,
        name: &str,
        source: impl FnOnce(EntryContent<'a, R>) -> Source<'a>,
    ) -> Result<LineReader<'a>, ArchiveError> {
        let line_bytes_max = self.limits.line_bytes_max;
        let entry = self.entry(name).filter(|entry| matches!(entry.kind, EntryKind::Data { .. }));
        let Some(entry) = entry else { return Err(ArchiveError::NoSuchEntry { entry: shown(name) }) };
        let records = self.artifact(entry).and_then(|artifact| artifact.records);
        let content = self.content(name)?;
        Ok(LineReader::new(shown(name), source(content), line_bytes_max, records))
    }

    /// Hands the inflated bytes of the entry `name` to `take`, piece by piece, until it has enough. Bytes come before
    /// the entry was verified: whoever takes them for good waits for the answer.
    ///
    /// # Errors
    /// [`ArchiveError::NoSuchEntry`]; every error that damaged data or a checksum that disagrees gives;
    /// [`ArchiveError::Io`].
    pub fn read_entry(
        &mut self,
        name: &str,
        mut take: impl FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), ArchiveError> {
        let mut content = self.content(name)?;
        let mut buffer = vec![0; VERIFY_BYTES];
        loop {
            let count = content.fill(&mut buffer)?;
            let piece = buffer.get(..count).unwrap_or_default();
            if piece.is_empty() || take(piece).is_break() {
                return Ok(());
            }
        }
    }

    /// Reads the entry `name` to its end and verifies sizes, CRC, checksum and record count, without looking at
    /// the text of its lines. For entries that nobody else reads to the end.
    ///
    /// # Errors
    /// [`ArchiveError::NoSuchEntry`]; every error that damaged data or a disagreeing manifest gives;
    /// [`ArchiveError::LineTooLong`] in data entries; [`ArchiveError::Io`].
    pub fn verify_entry(&mut self, name: &str) -> Result<EntryVerdict, ArchiveError> {
        self.verify(name, |lines| lines.drain())
    }

    /// [`verify_entry`](Self::verify_entry), with data entries read by `read_lines`.
    fn verify(
        &mut self,
        name: &str,
        read_lines: impl FnOnce(&mut LineReader<'_>) -> Result<(), ArchiveError>,
    ) -> Result<EntryVerdict, ArchiveError> {
        let Some(entry) = self.entry(name) else {
            return Err(ArchiveError::NoSuchEntry { entry: shown(name) });
        };
        let uncompressed_bytes = entry.uncompressed_bytes;
        let is_data = matches!(entry.kind, EntryKind::Data { .. });
        let checksum_verified = self.artifact(entry).is_some_and(|artifact| artifact.checksum.is_some());
        let records = if is_data {
            let mut lines = self.lines(name)?;
            read_lines(&mut lines)?;
            Some(lines.records())
        } else {
            let mut content = self.content(name)?;
            let mut buffer = vec![0; VERIFY_BYTES];
            while content.fill(&mut buffer)? > 0 {}
            None
        };
        Ok(EntryVerdict { name: name.to_owned(), uncompressed_bytes, records, checksum_verified })
    }

    /// Reads every entry to its end, lines as text.
    fn read_through(
        &mut self,
        faults: &mut Faults,
        verdicts: &mut Vec<EntryVerdict>,
    ) -> Result<(), ArchiveError> {
        if let Err(error) = require_content(&self.entries) {
            faults.report(error)?;
        }
        let names: Vec<String> = self.entries.iter().map(|entry| entry.name.clone()).collect();
        for name in names {
            let verdict = self.verify(&name, |lines| {
                while lines.next_line()?.is_some() {}
                Ok(())
            });
            match verdict {
                Ok(verdict) => verdicts.push(verdict),
                // A manifest that can't be unpacked was reported when it was opened.
                Err(_) if name == MANIFEST_NAME && self.manifest.is_none() => {}
                Err(error) => faults.report(error)?,
            }
        }
        Ok(())
    }

    fn position(&self, name: &str) -> Option<usize> {
        let compare =
            |index: &usize| self.entries.get(*index).map(|entry| entry.name.as_str()).cmp(&Some(name));
        self.by_name.binary_search_by(compare).ok().and_then(|found| self.by_name.get(found)).copied()
    }

    fn entry(&self, name: &str) -> Option<&Entry> {
        self.entries.get(self.position(name)?)
    }

    /// What the manifest lists about an entry.
    fn artifact(&self, entry: &Entry) -> Option<&Artifact> {
        self.manifest.as_ref()?.artifacts.get(entry.artifact?)
    }

    fn content(&mut self, name: &str) -> Result<EntryContent<'_, R>, ArchiveError> {
        let entry = self.position(name).and_then(|index| self.entries.get(index));
        let Some(entry) = entry else { return Err(ArchiveError::NoSuchEntry { entry: shown(name) }) };
        let checksum = self.artifact(entry).and_then(|artifact| artifact.checksum.clone());
        EntryContent::open(&mut self.reader, name, &entry.record, checksum.as_deref())
    }

    /// An entry of the top folder in one piece; its size was checked when the archive was opened.
    fn read_whole(&mut self, name: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        let Some(entry) = self.entry(name) else { return Ok(None) };
        let size = usize::try_from(entry.uncompressed_bytes).unwrap_or(usize::MAX);
        let mut content = self.content(name)?;
        let mut text = Vec::new();
        let mut held = 0;
        loop {
            // A declared size is a claim: memory follows what really comes, and doubles at most.
            if held == text.len() {
                text.resize((held * 2).max(VERIFY_BYTES).min(size.saturating_add(1)), 0);
            }
            match content.fill(text.get_mut(held..).unwrap_or_default())? {
                0 => break,
                count => held += count,
            }
        }
        text.truncate(held);
        Ok(Some(text))
    }

    fn read_manifest(&mut self) -> Result<Option<Manifest>, ArchiveError> {
        match self.read_whole(MANIFEST_NAME)? {
            Some(text) => Manifest::parse(MANIFEST_NAME, &text).map(Some),
            None => Ok(None),
        }
    }

    /// Compares the manifest with the directory: entries that it lists must be there once, in the listed size.
    /// What it says about itself is passed over: it can't hold its own checksum.
    fn check_manifest(&mut self, faults: &mut Faults) -> Result<(), ArchiveError> {
        let Some(manifest) = &self.manifest else { return Ok(()) };
        let named = manifest.artifacts.iter().enumerate().filter(|(_, listed)| listed.name != MANIFEST_NAME);
        for (index, artifact) in named {
            let entry = shown(&artifact.name);
            let position = self.position(&artifact.name);
            let Some(found) = position.and_then(|position| self.entries.get_mut(position)) else {
                faults.report(ArchiveError::EntryMissing { entry })?;
                continue;
            };
            if found.artifact.replace(index).is_some() {
                let (detail, entry) = (format!("it lists '{entry}' twice"), MANIFEST_NAME.to_owned());
                faults.report(ArchiveError::ManifestInvalid { entry, detail })?;
            } else if let Some(listed) = artifact.size.filter(|size| *size != found.uncompressed_bytes) {
                let actual = found.uncompressed_bytes;
                faults.report(ArchiveError::SizeMismatch { entry, listed, actual })?;
            }
        }
        Ok(())
    }

    fn warning(&self, entry: &Entry) -> Option<Warning> {
        let name = || shown(&entry.name);
        match entry.kind {
            EntryKind::Unknown => Some(Warning::UnknownEntry { entry: name() }),
            EntryKind::Describe | EntryKind::Data { .. }
                if self.manifest.is_some() && entry.artifact.is_none() =>
            {
                Some(Warning::NotInManifest { entry: name() })
            }
            _ => None,
        }
    }

    fn data_entry(&self, entry: &Entry) -> Option<DataEntry> {
        let EntryKind::Data { model } = &entry.kind else { return None };
        let artifact = self.artifact(entry);
        Some(DataEntry {
            name: entry.name.clone(),
            model: model.clone(),
            uncompressed_bytes: entry.uncompressed_bytes,
            compressed_bytes: entry.compressed_bytes,
            records: artifact.and_then(|artifact| artifact.records),
            checksum: artifact.and_then(|artifact| artifact.checksum.clone()),
        })
    }
}

/// Drops `describe.yaml` and `manifest.json` where they are too large to be held in memory.
fn check_whole_entries(
    entries: &mut Vec<Entry>,
    limits: &Limits,
    faults: &mut Faults,
) -> Result<(), ArchiveError> {
    let mut found = Vec::new();
    entries.retain(|entry| {
        let limit = match entry.kind {
            EntryKind::Describe => limits.describe_bytes_max,
            EntryKind::Manifest => limits.manifest_bytes_max,
            EntryKind::Data { .. } | EntryKind::Unknown => return true,
        };
        let (entry, actual) = (entry.name.clone(), entry.uncompressed_bytes);
        if actual > limit {
            found.push(ArchiveError::EntryTooLarge { entry, actual, limit });
        }
        actual <= limit
    });
    found.into_iter().try_for_each(|fault| faults.report(fault))
}

/// Whether there is anything to import.
fn require_content(entries: &[Entry]) -> Result<(), ArchiveError> {
    let holds_some =
        entries.iter().any(|entry| matches!(entry.kind, EntryKind::Describe | EntryKind::Data { .. }));
    if holds_some { Ok(()) } else { Err(ArchiveError::NothingToImport) }
}

/// Decides whether an upload is worth keeping: a ZIP whose directory passes every check that needs no inflating,
/// and that holds `describe.yaml` or a `.jsonl`. Quick for any size; says nothing about what is inside entries,
/// the manifest included.
///
/// # Errors
/// As [`Archive::open`] for the directory, and [`ArchiveError::NothingToImport`]. All but [`ArchiveError::Io`]
/// are the sender's fault.
pub fn check_upload<R: Read + Seek>(mut reader: R, limits: &Limits) -> Result<(), ArchiveError> {
    require_content(&classify(directory::scan(&mut reader, limits, &mut Faults::StopAtFirst)?))
}
