//! The two headers that a ZIP keeps for each entry: one in its directory, one ahead of the data.
//!
//! The directory is what we go by. The local header is read all the same, because programs that read a ZIP as a
//! stream go by that one: where the two differ, the archive shows different things to different readers.

use std::io::{self, Read, Seek, SeekFrom};

use crate::cursor::Cursor;
use crate::error::ArchiveError;

const CENTRAL_SIGNATURE: u32 = 0x0201_4b50;
const LOCAL_SIGNATURE: u32 = 0x0403_4b50;
/// Size of a directory record without its name, extra fields and comment, bytes.
const CENTRAL_BYTES: usize = 46;
/// Size of a local header without its name and extra fields, bytes.
pub(crate) const LOCAL_BYTES: usize = 30;
/// Stands for a 32-bit field whose value is in the ZIP64 extra field.
const SATURATED: u32 = u32::MAX;
/// Extra field with 64-bit sizes and offset.
const EXTRA_ZIP64: u16 = 0x0001;
/// Extra field with the name in UTF-8 beside one in another charset.
const EXTRA_UNICODE_NAME: u16 = 0x7075;
/// Flag bits for encryption: traditional, strong, and hidden local headers.
const FLAGS_ENCRYPTED: u16 = 1 | 1 << 6 | 1 << 13;
/// Flag bit for sizes and CRC that follow the data.
const FLAG_DESCRIPTOR: u16 = 1 << 3;
/// Flag bit for a name in UTF-8.
const FLAG_UTF8: u16 = 1 << 11;
/// Method number that AES encryption hides behind.
const METHOD_AES: u16 = 99;

/// One record of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CentralHeader {
    flags: u16,
    /// Number of the packing method.
    pub(crate) method: u16,
    /// CRC-32 of the inflated data.
    pub(crate) crc32: u32,
    /// Size in the ZIP, bytes.
    pub(crate) compressed_bytes: u64,
    /// Size once inflated, bytes.
    pub(crate) uncompressed_bytes: u64,
    /// File mode of the system that made the archive, in the upper half for Unix.
    pub(crate) external_attributes: u32,
    /// Where the local header is.
    pub(crate) header_offset: u64,
    /// The name as stored; cut one byte past the limit where it is longer, so that it still shows as too long.
    pub(crate) raw_name: Vec<u8>,
    /// The name in UTF-8, cut likewise, that an extra field adds, if it was made for this very name.
    pub(crate) unicode_name: Option<Vec<u8>>,
}

impl CentralHeader {
    /// Reads the next record; `scratch` is a buffer to reuse. Names longer than `name_bytes_max` are cut: held
    /// whole they would let memory grow with the archive.
    ///
    /// # Errors
    /// [`ArchiveError::BadDirectory`] where the bytes are no record or end inside one.
    pub(crate) fn read(
        reader: &mut impl Read,
        name_bytes_max: usize,
        scratch: &mut Vec<u8>,
    ) -> Result<Self, ArchiveError> {
        read_exact(reader, CENTRAL_BYTES, scratch)?;
        let mut lengths = [0; 3];
        let mut header = Self::parse(scratch, &mut lengths)
            .ok_or_else(|| ArchiveError::directory("a record of it has the wrong signature"))?;
        let [name_bytes, extra_bytes, comment_bytes] = lengths;
        read_exact(reader, name_bytes, scratch)?;
        header.raw_name = cut_past(scratch, name_bytes_max);
        read_exact(reader, extra_bytes, scratch)?;
        header.widen(scratch)?;
        header.unicode_name =
            unicode_name(scratch, &header.raw_name).map(|name| cut_past(name, name_bytes_max));
        read_exact(reader, comment_bytes, scratch)?;
        Ok(header)
    }

    fn parse(bytes: &[u8], lengths: &mut [usize; 3]) -> Option<Self> {
        let mut fields = Cursor::new(bytes);
        if fields.u32()? != CENTRAL_SIGNATURE {
            return None;
        }
        fields.take(4)?; // versions: made by, needed
        let flags = fields.u16()?;
        let method = fields.u16()?;
        fields.take(4)?; // time and date
        let crc32 = fields.u32()?;
        let compressed_bytes = fields.u32()?.into();
        let uncompressed_bytes = fields.u32()?.into();
        for length in lengths {
            *length = fields.u16()?.into();
        }
        fields.take(4)?; // disk, internal attributes
        Some(Self {
            flags,
            method,
            crc32,
            compressed_bytes,
            uncompressed_bytes,
            external_attributes: fields.u32()?,
            header_offset: fields.u32()?.into(),
            raw_name: Vec::new(),
            unicode_name: None,
        })
    }

    /// Replaces saturated fields by those of the ZIP64 extra field, which come in this order.
    fn widen(&mut self, extra: &[u8]) -> Result<(), ArchiveError> {
        let mut long = extra_field(extra, EXTRA_ZIP64);
        for field in [&mut self.uncompressed_bytes, &mut self.compressed_bytes, &mut self.header_offset] {
            if *field == u64::from(SATURATED) {
                *field = long
                    .as_mut()
                    .and_then(Cursor::u64)
                    .ok_or_else(|| ArchiveError::directory("a record of it lacks its ZIP64 sizes"))?;
            }
        }
        Ok(())
    }

    /// Whether reading the data takes a password.
    pub(crate) fn is_encrypted(&self) -> bool {
        self.flags & FLAGS_ENCRYPTED != 0 || self.method == METHOD_AES
    }

    /// Whether the name claims to be UTF-8.
    pub(crate) fn is_marked_utf8(&self) -> bool {
        self.flags & FLAG_UTF8 != 0
    }
}

/// What the header ahead of the data says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LocalHeader {
    flags: u16,
    method: u16,
    crc32: u32,
    compressed_bytes: Option<u64>,
    uncompressed_bytes: Option<u64>,
    raw_name: Vec<u8>,
    /// Where the data starts, bytes from the start of the file.
    pub(crate) data_offset: u64,
}

impl LocalHeader {
    /// Reads the header at `offset`; `scratch` is a buffer to reuse. `None` where there is no header.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub(crate) fn read<R: Read + Seek>(
        reader: &mut R,
        offset: u64,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<Self>, ArchiveError> {
        reader.seek(SeekFrom::Start(offset)).map_err(ArchiveError::reading)?;
        if !fill(reader, LOCAL_BYTES, scratch)? {
            return Ok(None);
        }
        let mut lengths = [0; 2];
        let Some(mut header) = Self::parse(scratch, &mut lengths) else { return Ok(None) };
        let [name_bytes, extra_bytes] = lengths;
        if !fill(reader, name_bytes + extra_bytes, scratch)? {
            return Ok(None);
        }
        let (name, extra) = scratch.split_at_checked(name_bytes).unwrap_or_default();
        header.raw_name = name.to_vec();
        header.widen(extra);
        header.data_offset = offset + (LOCAL_BYTES + name_bytes + extra_bytes) as u64;
        Ok(Some(header))
    }

    fn parse(bytes: &[u8], lengths: &mut [usize; 2]) -> Option<Self> {
        let mut fields = Cursor::new(bytes);
        if fields.u32()? != LOCAL_SIGNATURE {
            return None;
        }
        fields.u16()?; // version needed
        let flags = fields.u16()?;
        let method = fields.u16()?;
        fields.take(4)?; // time and date
        let crc32 = fields.u32()?;
        let compressed_bytes = Some(fields.u32()?.into());
        let uncompressed_bytes = Some(fields.u32()?.into());
        for length in lengths {
            *length = fields.u16()?.into();
        }
        Some(Self {
            flags,
            method,
            crc32,
            compressed_bytes,
            uncompressed_bytes,
            raw_name: Vec::new(),
            data_offset: 0,
        })
    }

    /// Takes 64-bit sizes from the extra field; a saturated size without one is unknown.
    fn widen(&mut self, extra: &[u8]) {
        let mut long = extra_field(extra, EXTRA_ZIP64);
        for field in [&mut self.uncompressed_bytes, &mut self.compressed_bytes] {
            if *field == Some(u64::from(SATURATED)) {
                *field = long.as_mut().and_then(Cursor::u64);
            }
        }
    }

    /// The first thing about which this header and the directory disagree.
    ///
    /// Where sizes and CRC follow the data, zeros (or unknown sizes) here are in order.
    pub(crate) fn differs_from(&self, central: &CentralHeader) -> Option<&'static str> {
        let streamed = self.flags & FLAG_DESCRIPTOR != 0;
        let size_fits = |local: Option<u64>, listed: u64| match local {
            Some(0) | None if streamed => true,
            local => local == Some(listed),
        };
        if self.raw_name != central.raw_name {
            Some("name")
        } else if self.flags & FLAGS_ENCRYPTED != central.flags & FLAGS_ENCRYPTED {
            Some("encryption")
        } else if self.method != central.method {
            Some("packing method")
        } else if !size_fits(self.compressed_bytes, central.compressed_bytes)
            || !size_fits(self.uncompressed_bytes, central.uncompressed_bytes)
        {
            Some("size")
        } else if self.crc32 != central.crc32 && !(streamed && self.crc32 == 0) {
            Some("CRC")
        } else {
            None
        }
    }
}

/// The content of the extra field `id`, if it is there and whole.
fn extra_field(extra: &[u8], id: u16) -> Option<Cursor<'_>> {
    let mut fields = Cursor::new(extra);
    loop {
        let found = fields.u16()?;
        let length = fields.u16()?.into();
        let content = fields.take(length)?;
        if found == id {
            return Some(Cursor::new(content));
        }
    }
}

/// The UTF-8 name out of the extra fields. It carries the CRC of the name that it stands for; a program that
/// renames an entry without knowing the field leaves it behind, outdated.
fn unicode_name<'a>(extra: &'a [u8], raw_name: &[u8]) -> Option<&'a [u8]> {
    let mut fields = extra_field(extra, EXTRA_UNICODE_NAME)?;
    let version = fields.byte()?;
    let mut crc = flate2::Crc::new();
    crc.update(raw_name);
    (version == 1 && fields.u32()? == crc.sum()).then(|| fields.rest())
}

/// At most one byte more than `bytes_max`.
fn cut_past(bytes: &[u8], bytes_max: usize) -> Vec<u8> {
    bytes.get(..bytes_max.saturating_add(1)).unwrap_or(bytes).to_vec()
}

/// Reads `count` bytes of the directory into `into`.
fn read_exact(reader: &mut impl Read, count: usize, into: &mut Vec<u8>) -> Result<(), ArchiveError> {
    if fill(reader, count, into)? { Ok(()) } else { Err(ArchiveError::directory("it ends inside a record")) }
}

/// Replaces the content of `into` by the next `count` bytes; false where fewer are left.
fn fill(reader: &mut impl Read, count: usize, into: &mut Vec<u8>) -> Result<bool, ArchiveError> {
    into.clear();
    into.resize(count, 0);
    match reader.read_exact(into) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(ArchiveError::reading(error)),
    }
}
