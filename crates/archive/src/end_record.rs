//! The end of a ZIP: where its directory lies and how much it claims to hold.
//!
//! Readers differ in how much slack they allow here, and each bit of slack lets two programs see two different
//! archives in one file. So there is none: the file ends with the record, the directory ends where the record
//! starts, and the ZIP64 record agrees with the short one wherever that one isn't saturated.

use std::io::{Read, Seek, SeekFrom};

use memchr::memmem;

use crate::cursor::Cursor;
use crate::error::ArchiveError;

const END_SIGNATURE: &[u8; 4] = b"PK\x05\x06";
const END64_SIGNATURE: u32 = 0x0606_4b50;
const LOCATOR_SIGNATURE: u32 = 0x0706_4b50;
/// What the first bytes of a ZIP may be; told apart from other files for the sake of the message only.
const START_SIGNATURES: [&[u8; 4]; 3] = [b"PK\x03\x04", b"PK\x07\x08", b"PK\x01\x02"];
/// Size of the end record without its comment, bytes.
const END_BYTES: u64 = 22;
/// Size of the ZIP64 locator, bytes.
const LOCATOR_BYTES: u64 = 20;
/// Size of the ZIP64 end record without its extensible part, bytes.
const END64_BYTES: u64 = 56;
/// Bytes of the ZIP64 end record that its own size field leaves out.
const END64_UNCOUNTED_BYTES: u64 = 12;
/// Longest comment, bytes: its length has 16 bits.
const COMMENT_BYTES_MAX: u64 = 0xFFFF;

/// Where the directory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EndRecord {
    /// Entries that the directory claims.
    pub(crate) entries: u64,
    /// Where the directory starts, bytes from the start of the file.
    pub(crate) directory_offset: u64,
    /// How long it is, bytes.
    pub(crate) directory_bytes: u64,
}

/// The short end record as it stands.
#[derive(Debug, Clone, Copy)]
struct ShortRecord {
    disk: u16,
    directory_disk: u16,
    entries_here: u16,
    entries: u16,
    bytes: u32,
    offset: u32,
}

impl EndRecord {
    /// Finds the record at the end of `reader`.
    ///
    /// # Errors
    /// [`ArchiveError::NotZip`], [`ArchiveError::Truncated`] or [`ArchiveError::BadDirectory`].
    pub(crate) fn find<R: Read + Seek>(reader: &mut R) -> Result<Self, ArchiveError> {
        let file_bytes = reader.seek(SeekFrom::End(0)).map_err(ArchiveError::reading)?;
        let tail_bytes = file_bytes.min(END_BYTES + COMMENT_BYTES_MAX);
        let tail_offset = file_bytes - tail_bytes;
        let tail = read_at(reader, tail_offset, tail_bytes)?;
        let Some(position) = locate(&tail)? else { return Err(no_end(reader, file_bytes)?) };
        let short = ShortRecord::parse(tail.get(position..).unwrap_or_default())
            .ok_or_else(|| ArchiveError::directory("its end record is cut off"))?;
        let end_offset = tail_offset + position as u64;
        let (record, directory_end) = match Self::find_long(reader, end_offset, &short)? {
            Some(found) => found,
            None => (short.into_end()?, end_offset),
        };
        record.check(directory_end)?;
        Ok(record)
    }

    /// The ZIP64 record ahead of the short one, with the offset at which it starts, if there is one.
    fn find_long<R: Read + Seek>(
        reader: &mut R,
        end_offset: u64,
        short: &ShortRecord,
    ) -> Result<Option<(Self, u64)>, ArchiveError> {
        let Some(locator_offset) = end_offset.checked_sub(LOCATOR_BYTES) else { return Ok(None) };
        let locator = read_at(reader, locator_offset, LOCATOR_BYTES)?;
        let Some(offset) = parse_locator(&locator)? else { return Ok(None) };
        if offset.checked_add(END64_BYTES).is_none_or(|end| end > locator_offset) {
            return Err(ArchiveError::directory("the ZIP64 locator points past itself"));
        }
        let bytes = read_at(reader, offset, END64_BYTES)?;
        let (record, size) = parse_long(&bytes)?;
        let ends_at = size.checked_add(END64_UNCOUNTED_BYTES).and_then(|size| size.checked_add(offset));
        if ends_at != Some(locator_offset) {
            return Err(ArchiveError::directory("the ZIP64 end record has the wrong size"));
        }
        short.agree(&record)?;
        Ok(Some((record, offset)))
    }

    /// Whether the directory fills the room up to `directory_end`.
    fn check(&self, directory_end: u64) -> Result<(), ArchiveError> {
        match self.directory_offset.checked_add(self.directory_bytes) {
            Some(end) if end == directory_end => Ok(()),
            Some(end) if end < directory_end => Err(ArchiveError::directory(
                "there are bytes ahead of the archive or behind its directory that belong to nothing",
            )),
            _ => Err(ArchiveError::Truncated { detail: "its directory lies outside the file".into() }),
        }
    }
}

impl ShortRecord {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut fields = Cursor::new(bytes);
        fields.take(END_SIGNATURE.len())?;
        Some(Self {
            disk: fields.u16()?,
            directory_disk: fields.u16()?,
            entries_here: fields.u16()?,
            entries: fields.u16()?,
            bytes: fields.u32()?,
            offset: fields.u32()?,
        })
    }

    /// The record of an archive without ZIP64.
    fn into_end(self) -> Result<EndRecord, ArchiveError> {
        if self.disk != 0 || self.directory_disk != 0 || self.entries_here != self.entries {
            return Err(ArchiveError::directory("it is one part of a split archive"));
        }
        Ok(EndRecord {
            entries: self.entries.into(),
            directory_offset: self.offset.into(),
            directory_bytes: self.bytes.into(),
        })
    }

    /// Whether every field that isn't saturated says the same as the ZIP64 record.
    fn agree(&self, long: &EndRecord) -> Result<(), ArchiveError> {
        let same = |short: u64, saturated: u64, long: u64| short == saturated || short == long;
        let agrees = same(self.disk.into(), 0xFFFF, 0)
            && same(self.directory_disk.into(), 0xFFFF, 0)
            && same(self.entries_here.into(), 0xFFFF, long.entries)
            && same(self.entries.into(), 0xFFFF, long.entries)
            && same(self.bytes.into(), 0xFFFF_FFFF, long.directory_bytes)
            && same(self.offset.into(), 0xFFFF_FFFF, long.directory_offset);
        if agrees { Ok(()) } else { Err(ArchiveError::directory("its two end records disagree")) }
    }
}

/// The offset that a ZIP64 locator holds; `None` where the bytes are no locator.
fn parse_locator(bytes: &[u8]) -> Result<Option<u64>, ArchiveError> {
    let mut fields = Cursor::new(bytes);
    if fields.u32() != Some(LOCATOR_SIGNATURE) {
        return Ok(None);
    }
    match (fields.u32(), fields.u64(), fields.u32()) {
        (Some(0), Some(offset), Some(0 | 1)) => Ok(Some(offset)),
        _ => Err(ArchiveError::directory("it is one part of a split archive")),
    }
}

/// A ZIP64 end record and its own size field.
fn parse_long(bytes: &[u8]) -> Result<(EndRecord, u64), ArchiveError> {
    let read = || {
        let mut fields = Cursor::new(bytes);
        let signature = fields.u32()?;
        let size = fields.u64()?;
        fields.u16()?; // made by
        fields.u16()?; // needed to read
        let disks = (fields.u32()?, fields.u32()?);
        let here = fields.u64()?;
        let entries = fields.u64()?;
        let directory_bytes = fields.u64()?;
        let directory_offset = fields.u64()?;
        let sound = signature == END64_SIGNATURE && disks == (0, 0) && here == entries;
        sound.then_some((EndRecord { entries, directory_offset, directory_bytes }, size))
    };
    read().ok_or_else(|| ArchiveError::directory("its ZIP64 end record is damaged"))
}

/// Position in `tail` of the end record whose comment ends with the file.
fn locate(tail: &[u8]) -> Result<Option<usize>, ArchiveError> {
    let mut fault = None;
    for position in memmem::rfind_iter(tail, END_SIGNATURE) {
        let record = tail.get(position..).unwrap_or_default();
        let comment = record.get(20..22).and_then(|bytes| bytes.try_into().ok()).map(u16::from_le_bytes);
        let after = (record.len() as u64).checked_sub(END_BYTES);
        match (comment.map(u64::from), after) {
            (Some(comment), Some(after)) if comment == after => return Ok(Some(position)),
            (Some(comment), Some(after)) if comment < after => {
                fault = fault.or(Some(ArchiveError::directory("bytes follow its end record")));
            }
            _ => fault = fault.or(Some(cut_off())),
        }
    }
    fault.map_or(Ok(None), Err)
}

fn cut_off() -> ArchiveError {
    ArchiveError::Truncated { detail: "its last bytes are missing".into() }
}

/// The error for a file without an end record: a ZIP that was cut, or no ZIP at all.
fn no_end<R: Read + Seek>(reader: &mut R, file_bytes: u64) -> Result<ArchiveError, ArchiveError> {
    let start = read_at(reader, 0, file_bytes.min(4))?;
    let is_zip = START_SIGNATURES.iter().any(|signature| start == signature.as_slice());
    Ok(if is_zip { cut_off() } else { ArchiveError::NotZip })
}

/// Reads `count` bytes at `offset`; the caller has bounded `count`.
fn read_at<R: Read + Seek>(reader: &mut R, offset: u64, count: u64) -> Result<Vec<u8>, ArchiveError> {
    reader.seek(SeekFrom::Start(offset)).map_err(ArchiveError::reading)?;
    let mut bytes = Vec::new();
    reader.take(count).read_to_end(&mut bytes).map_err(ArchiveError::reading)?;
    if bytes.len() as u64 == count { Ok(bytes) } else { Err(cut_off()) }
}
