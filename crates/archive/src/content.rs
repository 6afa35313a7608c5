//! The inflated bytes of one entry, verified while they pass.
//!
//! Bytes are handed out before the end is known, as streaming must; whoever takes them for good waits for the
//! end, where size, CRC and checksum have been compared.

use std::io::{self, BufReader, Read, Seek, SeekFrom};

use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use sha2::{Digest, Sha256};

use crate::directory::{Method, Record};
use crate::error::{ArchiveError, shown};

/// Compressed bytes that are read at once.
const READ_BYTES: usize = 64 << 10;
/// Largest zstd window, as a power of two: 16 MiB. Every level but the `--ultra` ones stays below it, and the
/// decoder holds a whole window in memory.
const ZSTD_WINDOW_LOG_MAX: u32 = 24;

/// A source of inflated bytes. Hides the type of the reader below.
pub(crate) trait Content {
    /// Puts the next bytes into `into` and says how many; 0 only at the end, once everything has been verified.
    fn fill(&mut self, into: &mut [u8]) -> Result<usize, ArchiveError>;
}

/// Reads one entry out of the file.
pub(crate) struct EntryContent<'a, R: Read> {
    entry: String,
    decoder: Decoder<'a, R>,
    declared_bytes: u64,
    declared_crc32: u32,
    produced_bytes: u64,
    crc: Crc,
    checksum: Option<(Sha256, String)>,
    ended: bool,
}

impl<'a, R: Read + Seek> EntryContent<'a, R> {
    /// Starts at the first byte of `record`. `checksum` is the lower-case SHA-256 to compare with, if any.
    ///
    /// # Errors
    /// [`ArchiveError::Io`].
    pub(crate) fn open(
        reader: &'a mut R,
        name: &str,
        record: &Record,
        checksum: Option<&str>,
    ) -> Result<Self, ArchiveError> {
        reader.seek(SeekFrom::Start(record.data_offset)).map_err(ArchiveError::reading)?;
        let window = Window { reader, left: record.compressed_bytes, failed: false };
        Ok(Self {
            entry: shown(name),
            decoder: Decoder::new(record.method, BufReader::with_capacity(READ_BYTES, window))
                .map_err(ArchiveError::reading)?,
            declared_bytes: record.uncompressed_bytes,
            declared_crc32: record.crc32,
            produced_bytes: 0,
            crc: Crc::new(),
            checksum: checksum.map(|listed| (Sha256::new(), listed.to_owned())),
            ended: false,
        })
    }

    /// Compares what came out with what the directory and the manifest say.
    fn verify(&mut self) -> Result<(), ArchiveError> {
        let entry = || self.entry.clone();
        if self.produced_bytes < self.declared_bytes {
            let (declared, actual) = (self.declared_bytes, self.produced_bytes);
            return Err(ArchiveError::EntryTruncated { entry: entry(), declared, actual });
        }
        if self.crc.sum() != self.declared_crc32 {
            let (declared, actual) = (self.declared_crc32, self.crc.sum());
            return Err(ArchiveError::CrcMismatch { entry: entry(), declared, actual });
        }
        if let Some((hasher, listed)) = self.checksum.take() {
            let actual = hex(&hasher.finalize());
            if actual != listed {
                return Err(ArchiveError::ChecksumMismatch { entry: entry(), listed, actual });
            }
        }
        Ok(())
    }

    /// Tells a fault of the data from one of the storage.
    fn decoding_error(&self, error: io::Error) -> ArchiveError {
        if self.decoder.window().failed {
            return ArchiveError::reading(error);
        }
        match error.kind() {
            io::ErrorKind::UnexpectedEof => ArchiveError::EntryTruncated {
                entry: self.entry.clone(),
                declared: self.declared_bytes,
                actual: self.produced_bytes,
            },
            _ => ArchiveError::Corrupt {
                entry: self.entry.clone(),
                offset: self.produced_bytes,
                detail: error.to_string(),
            },
        }
    }
}

impl<R: Read + Seek> Content for EntryContent<'_, R> {
    fn fill(&mut self, into: &mut [u8]) -> Result<usize, ArchiveError> {
        if self.ended || into.is_empty() {
            return Ok(0);
        }
        let count = loop {
            match self.decoder.as_read().read(into) {
                Ok(count) => break count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.decoding_error(error)),
            }
        };
        if count == 0 {
            self.verify()?;
            self.ended = true;
            return Ok(0);
        }
        self.produced_bytes += count as u64;
        if self.produced_bytes > self.declared_bytes {
            let declared = self.declared_bytes;
            return Err(ArchiveError::InflatesBeyondDeclared { entry: self.entry.clone(), declared });
        }
        let fresh = into.get(..count).unwrap_or_default();
        self.crc.update(fresh);
        if let Some((hasher, _)) = &mut self.checksum {
            hasher.update(fresh);
        }
        Ok(count)
    }
}

/// The packed bytes of one entry and not one more. Unlike [`io::Take`] it remembers whether the reader below
/// failed, so that a failing disk isn't taken for a damaged archive.
struct Window<'a, R> {
    reader: &'a mut R,
    left: u64,
    failed: bool,
}

impl<R: Read> Read for Window<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let room = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        let Some(into) = into.get_mut(..room).filter(|into| !into.is_empty()) else { return Ok(0) };
        match self.reader.read(into) {
            Ok(count) => {
                self.left -= count as u64;
                Ok(count)
            }
            Err(error) => {
                self.failed |= error.kind() != io::ErrorKind::Interrupted;
                Err(error)
            }
        }
    }
}

/// The decoder of each packing method.
enum Decoder<'a, R: Read> {
    Stored(BufReader<Window<'a, R>>),
    Deflate(Box<DeflateDecoder<BufReader<Window<'a, R>>>>),
    Zstd(Box<zstd::Decoder<'static, BufReader<Window<'a, R>>>>),
}

impl<'a, R: Read> Decoder<'a, R> {
    fn new(method: Method, input: BufReader<Window<'a, R>>) -> io::Result<Self> {
        // Some tools declare a method for entries without a byte and write no stream at all.
        if input.get_ref().left == 0 {
            return Ok(Self::Stored(input));
        }
        Ok(match method {
            Method::Stored => Self::Stored(input),
            Method::Deflate => Self::Deflate(Box::new(DeflateDecoder::new(input))),
            Method::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(input)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX)?;
                Self::Zstd(Box::new(decoder))
            }
        })
    }

    fn as_read(&mut self) -> &mut dyn Read {
        match self {
            Self::Stored(input) => input,
            Self::Deflate(decoder) => decoder.as_mut(),
            Self::Zstd(decoder) => decoder.as_mut(),
        }
    }

    fn window(&self) -> &Window<'a, R> {
        match self {
            Self::Stored(input) => input.get_ref(),
            Self::Deflate(decoder) => decoder.get_ref().get_ref(),
            Self::Zstd(decoder) => decoder.get_ref().get_ref(),
        }
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String can't fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
