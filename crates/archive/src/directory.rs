//! The directory of a ZIP: read as a stream, and checked against the headers and the room in the file.
//!
//! Why not the directory reader of the `zip` crate: it keeps entries in a map by name, so that of two entries of
//! one name the first is gone before anyone can refuse it; it allows slack that we don't; and checks made on a
//! directory parsed twice would be checks of something else than what is read. Packing is left to it.

use std::collections::HashSet;
use std::io::{BufReader, Read, Seek, SeekFrom};

use crate::end_record::EndRecord;
use crate::error::{ArchiveError, NameFault, shown};
use crate::faults::Faults;
use crate::header::{CentralHeader, LOCAL_BYTES, LocalHeader};
use crate::limits::Limits;
use crate::name::{self, EntryPath};

/// Bytes of the directory that are read at once.
const READ_BYTES: usize = 64 << 10;
/// The part of a Unix mode that says what a file is.
const MODE_TYPE: u32 = 0o170_000;

/// How an entry is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    /// As it is.
    Stored,
    /// Deflate.
    Deflate,
    /// Zstandard.
    Zstd,
}

impl Method {
    fn of(number: u16) -> Option<Self> {
        match number {
            0 => Some(Self::Stored),
            8 => Some(Self::Deflate),
            93 => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// An entry as the directory has it, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// Its whole path, cleaned.
    pub(crate) path: String,
    /// Whether it stands for a folder.
    pub(crate) is_folder: bool,
    /// How it is packed.
    pub(crate) method: Method,
    /// CRC-32 of the inflated data.
    pub(crate) crc32: u32,
    /// Size in the ZIP, bytes.
    pub(crate) compressed_bytes: u64,
    /// Size once inflated, bytes.
    pub(crate) uncompressed_bytes: u64,
    /// Where its data starts, bytes from the start of the file.
    pub(crate) data_offset: u64,
}

#[cfg(test)]
impl Record {
    /// An empty stored file, for tests that care about paths only.
    pub(crate) fn stub(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            is_folder: false,
            method: Method::Stored,
            crc32: 0,
            compressed_bytes: 0,
            uncompressed_bytes: 0,
            data_offset: 0,
        }
    }
}

/// The bytes of the file that one entry takes, header included.
struct Extent {
    start: u64,
    end: u64,
    path: String,
}

/// Reads and checks the whole directory. Entries with a fault are left out (where faults are gathered).
///
/// # Errors
/// The first fault where `faults` stops at it; else what makes it impossible to go on.
pub(crate) fn scan<R: Read + Seek>(
    reader: &mut R,
    limits: &Limits,
    faults: &mut Faults,
) -> Result<Vec<Record>, ArchiveError> {
    let end = EndRecord::find(reader)?;
    // Ahead of anything that costs memory for each entry.
    if end.entries > limits.entries_max as u64 {
        return Err(ArchiveError::TooManyEntries { actual: end.entries, limit: limits.entries_max });
    }
    let headers = read_headers(reader, &end, limits.name_bytes_max)?;
    check_total(&headers, limits, faults)?;
    let mut scan = Scan {
        reader,
        limits,
        faults,
        directory_offset: end.directory_offset,
        names: HashSet::with_capacity(headers.len()),
        extents: Vec::with_capacity(headers.len()),
        scratch: Vec::new(),
    };
    let mut records = Vec::with_capacity(headers.len());
    for header in headers {
        records.extend(scan.check(&header)?);
    }
    scan.check_overlaps()?;
    Ok(records)
}

/// The records of the directory, which must fill it exactly.
fn read_headers<R: Read + Seek>(
    reader: &mut R,
    end: &EndRecord,
    name_bytes_max: usize,
) -> Result<Vec<CentralHeader>, ArchiveError> {
    reader.seek(SeekFrom::Start(end.directory_offset)).map_err(ArchiveError::reading)?;
    let mut directory = BufReader::with_capacity(READ_BYTES, reader.take(end.directory_bytes));
    let mut scratch = Vec::new();
    let mut headers = Vec::new();
    for _ in 0..end.entries {
        headers.push(CentralHeader::read(&mut directory, name_bytes_max, &mut scratch)?);
    }
    match directory.read(&mut [0]) {
        Ok(0) => Ok(headers),
        Ok(_) => Err(ArchiveError::directory("it holds more than the entries that it counts")),
        Err(error) => Err(ArchiveError::reading(error)),
    }
}

/// Whether all entries together stay below the limit.
fn check_total(headers: &[CentralHeader], limits: &Limits, faults: &mut Faults) -> Result<(), ArchiveError> {
    let actual = headers.iter().fold(0_u64, |sum, header| sum.saturating_add(header.uncompressed_bytes));
    if actual > limits.uncompressed_bytes_max {
        faults.report(ArchiveError::TooLarge { actual, limit: limits.uncompressed_bytes_max })?;
    }
    Ok(())
}

/// One walk over the records, with what the checks across entries remember.
struct Scan<'a, R> {
    reader: &'a mut R,
    limits: &'a Limits,
    faults: &'a mut Faults,
    directory_offset: u64,
    names: HashSet<String>,
    extents: Vec<Extent>,
    scratch: Vec<u8>,
}

impl<R: Read + Seek> Scan<'_, R> {
    /// Every check that one entry allows; `None` where it has a fault.
    fn check(&mut self, header: &CentralHeader) -> Result<Option<Record>, ArchiveError> {
        let entry_path = match self.checked_name(header) {
            Ok(entry_path) => entry_path,
            Err(fault) => {
                let entry = shown(&String::from_utf8_lossy(&header.raw_name));
                self.faults.report(ArchiveError::UnsafeName { entry, fault })?;
                return Ok(None);
            }
        };
        let entry = shown(&entry_path.path);
        let mut sound = true;
        let repeated = !self.names.insert(entry_path.path.to_lowercase());
        let found = [
            repeated.then(|| ArchiveError::Duplicate { entry: entry.clone() }),
            special_file(header, entry_path.is_folder)
                .map(|what| ArchiveError::SpecialFile { entry: entry.clone(), what }),
            header.is_encrypted().then(|| ArchiveError::Encrypted { entry: entry.clone() }),
            self.inflation(header, &entry),
        ];
        for fault in found.into_iter().flatten() {
            sound = false;
            self.faults.report(fault)?;
        }
        let method = Method::of(header.method);
        if method.is_none() && !header.is_encrypted() {
            self.faults
                .report(ArchiveError::UnsupportedMethod { entry: entry.clone(), method: header.method })?;
        }
        let data_offset = self.check_local(header, entry)?;
        let (Some(method), Some(data_offset), true) = (method, data_offset, sound) else { return Ok(None) };
        Ok(Some(Record {
            path: entry_path.path,
            is_folder: entry_path.is_folder,
            method,
            crc32: header.crc32,
            compressed_bytes: header.compressed_bytes,
            uncompressed_bytes: header.uncompressed_bytes,
            data_offset,
        }))
    }

    /// The name by the rules; where there are two, both have to pass and the one in UTF-8 counts.
    fn checked_name(&self, header: &CentralHeader) -> Result<EntryPath, NameFault> {
        let bytes_max = self.limits.name_bytes_max;
        let stored = name::check(&header.raw_name, header.is_marked_utf8(), bytes_max)?;
        match &header.unicode_name {
            Some(unicode) => name::check(unicode, true, bytes_max),
            None => Ok(stored),
        }
    }

    /// Whether the declared sizes are those of a bomb. The declared size is enough to look at: reading stops at
    /// the byte that goes beyond it.
    fn inflation(&self, header: &CentralHeader, entry: &str) -> Option<ArchiveError> {
        let ratio_max = self.limits.inflation_ratio_max;
        let (compressed, uncompressed) = (header.compressed_bytes, header.uncompressed_bytes);
        let too_far = uncompressed > self.limits.inflation_free_bytes
            && uncompressed > compressed.saturating_mul(ratio_max);
        too_far.then(|| ArchiveError::RatioTooHigh {
            entry: entry.to_owned(),
            compressed,
            uncompressed,
            ratio_max,
        })
    }

    /// Compares the header ahead of the data; where it is sound, notes the room that the entry takes and returns
    /// where the data starts.
    fn check_local(&mut self, header: &CentralHeader, entry: String) -> Result<Option<u64>, ArchiveError> {
        let start = header.header_offset;
        if start.checked_add(LOCAL_BYTES as u64).is_none_or(|end| end > self.directory_offset) {
            let fault =
                ArchiveError::Overlap { entry, other: "the directory, or lies outside the file".into() };
            return self.faults.report(fault).map(|()| None);
        }
        let difference = match LocalHeader::read(self.reader, start, &mut self.scratch)? {
            None => "place",
            Some(local) => match local.differs_from(header) {
                Some(what) => what,
                None => {
                    let end = local.data_offset.saturating_add(header.compressed_bytes);
                    self.extents.push(Extent { start, end, path: entry });
                    return Ok(Some(local.data_offset));
                }
            },
        };
        self.faults.report(ArchiveError::HeaderMismatch { entry, what: difference })?;
        Ok(None)
    }

    /// Whether any byte belongs to two entries, or to one and the directory.
    fn check_overlaps(mut self) -> Result<(), ArchiveError> {
        self.extents.sort_by_key(|extent| extent.start);
        let directory = self.directory_offset;
        let mut last: Option<Extent> = None;
        for extent in self.extents {
            if extent.end > directory {
                let (entry, other) = (extent.path.clone(), "the directory".to_owned());
                self.faults.report(ArchiveError::Overlap { entry, other })?;
            }
            if let Some(ahead) = last.take_if(|ahead| ahead.end > extent.start) {
                let (entry, other) = (extent.path.clone(), format!("entry '{}'", ahead.path));
                self.faults.report(ArchiveError::Overlap { entry, other })?;
                // What reaches further is what the next one has to be clear of.
                last = Some(if ahead.end > extent.end { ahead } else { extent });
            } else {
                last = Some(extent);
            }
        }
        Ok(())
    }
}

/// What the Unix mode says the entry is, where that is neither a file nor, by its name too, a folder.
///
/// The mode counts whatever system the archive names as its maker: unpackers differ in whether they ask.
fn special_file(header: &CentralHeader, is_folder: bool) -> Option<&'static str> {
    match header.external_attributes >> 16 & MODE_TYPE {
        0 | 0o100_000 => None,
        0o040_000 => (!is_folder).then_some("folder with the name of a file"),
        0o120_000 => Some("symbolic link"),
        0o020_000 => Some("character device"),
        0o060_000 => Some("block device"),
        0o010_000 => Some("named pipe"),
        0o140_000 => Some("socket"),
        _ => Some("special file"),
    }
}
