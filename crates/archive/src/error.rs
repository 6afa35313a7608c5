//! Why an archive, or one entry of it, was refused.
//!
//! Each variant carries the facts; the message says what is wrong, in which entry, and what to do where that is
//! not obvious. Entry names in errors are escaped and cut, because they come from whoever made the archive.

use std::io;

/// Characters of an entry name that an error shows; the rest of a longer name helps nobody.
const NAME_SHOWN_CHARS_MAX: usize = 120;

/// A fault of an archive, or of the reader or writer under it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ArchiveError {
    /// No end record: the bytes are something else.
    #[error("This is not a ZIP archive: upload the file that an extract download gave you")]
    NotZip,
    /// Starts like a ZIP and lacks its end.
    #[error("The ZIP archive is cut off: {detail}; transfer it again")]
    Truncated {
        /// What is missing.
        detail: String,
    },
    /// The directory contradicts itself or the file.
    #[error("The ZIP directory is damaged: {detail}")]
    BadDirectory {
        /// What doesn't fit.
        detail: String,
    },
    /// More entries than allowed.
    #[error("The archive holds {actual} entries, more than the {limit} allowed")]
    TooManyEntries {
        /// Entries that the directory claims.
        actual: u64,
        /// [`Limits::entries_max`](crate::Limits::entries_max).
        limit: usize,
    },
    /// All entries together are larger than allowed.
    #[error("The archive would inflate to {actual} bytes in all, more than the {limit} allowed")]
    TooLarge {
        /// Sum of the declared sizes in bytes.
        actual: u64,
        /// [`Limits::uncompressed_bytes_max`](crate::Limits::uncompressed_bytes_max).
        limit: u64,
    },
    /// A name that no honest archive uses.
    #[error("Entry '{entry}' has a name that is refused: {fault}")]
    UnsafeName {
        /// The name, escaped.
        entry: String,
        /// What is wrong with it.
        fault: NameFault,
    },
    /// A symbolic link, device, pipe or socket.
    #[error("Entry '{entry}' is a {what}; only files and folders are accepted")]
    SpecialFile {
        /// Entry name.
        entry: String,
        /// What its mode says it is.
        what: &'static str,
    },
    /// Protected by a password.
    #[error("Entry '{entry}' is encrypted; make the archive without a password")]
    Encrypted {
        /// Entry name.
        entry: String,
    },
    /// Packed by a method that isn't read here.
    #[error("Entry '{entry}' is packed by method {method}; stored, deflate (8) and zstd (93) are accepted")]
    UnsupportedMethod {
        /// Entry name.
        entry: String,
        /// Number of the method in the ZIP format.
        method: u16,
    },
    /// Two entries of one name, compared without case.
    #[error("Entry '{entry}' is there twice (names are compared without case)")]
    Duplicate {
        /// Name of the later one.
        entry: String,
    },
    /// Bytes that belong to two entries at once.
    #[error("Entry '{entry}' overlaps {other}")]
    Overlap {
        /// Name of the entry that starts later.
        entry: String,
        /// What it shares bytes with, as text for the message.
        other: String,
    },
    /// The header ahead of the data says something else than the directory.
    #[error("Entry '{entry}': its own header and the directory disagree about its {what}")]
    HeaderMismatch {
        /// Entry name according to the directory.
        entry: String,
        /// What differs.
        what: &'static str,
    },
    /// Declared to inflate too far.
    #[error(
        "Entry '{entry}' would inflate from {compressed} to {uncompressed} bytes, \
         more than {ratio_max} times its size"
    )]
    RatioTooHigh {
        /// Entry name.
        entry: String,
        /// Size in the ZIP, bytes.
        compressed: u64,
        /// Declared size, bytes.
        uncompressed: u64,
        /// [`Limits::inflation_ratio_max`](crate::Limits::inflation_ratio_max).
        ratio_max: u64,
    },
    /// An entry that is read whole is larger than allowed.
    #[error("Entry '{entry}' has {actual} bytes, more than the {limit} allowed")]
    EntryTooLarge {
        /// Entry name.
        entry: String,
        /// Declared size in bytes.
        actual: u64,
        /// The limit of this entry in bytes.
        limit: u64,
    },
    /// More data than the directory declares.
    #[error("Entry '{entry}' inflates beyond the {declared} bytes that it declares")]
    InflatesBeyondDeclared {
        /// Entry name.
        entry: String,
        /// Declared size in bytes.
        declared: u64,
    },
    /// Less data than the directory declares.
    #[error("Entry '{entry}' ends after {actual} of {declared} bytes; the archive is damaged or cut off")]
    EntryTruncated {
        /// Entry name.
        entry: String,
        /// Declared size in bytes.
        declared: u64,
        /// Bytes that came out.
        actual: u64,
    },
    /// The packed data can't be unpacked.
    #[error("Entry '{entry}' can't be unpacked after {offset} bytes: {detail}")]
    Corrupt {
        /// Entry name.
        entry: String,
        /// Inflated bytes that came out before the fault.
        offset: u64,
        /// What the decoder says.
        detail: String,
    },
    /// The content isn't what was packed.
    #[error("Entry '{entry}' is damaged: its CRC is {actual:08x}, the directory says {declared:08x}")]
    CrcMismatch {
        /// Entry name.
        entry: String,
        /// CRC-32 in the directory.
        declared: u32,
        /// CRC-32 of what came out.
        actual: u32,
    },
    /// `manifest.json` can't be understood.
    #[error("Entry '{entry}' can't be read: {detail}")]
    ManifestInvalid {
        /// Entry name.
        entry: String,
        /// Where and what.
        detail: String,
    },
    /// `manifest.json` speaks a newer dialect.
    #[error("Entry '{entry}' has version '{version}'; this program reads version 1")]
    ManifestVersion {
        /// Entry name.
        entry: String,
        /// The version found.
        version: String,
    },
    /// The manifest lists an entry that isn't there.
    #[error("Entry '{entry}' is listed in manifest.json and missing from the archive")]
    EntryMissing {
        /// Entry name.
        entry: String,
    },
    /// The size isn't the one that the manifest lists.
    #[error("Entry '{entry}' has {actual} bytes, manifest.json lists {listed}")]
    SizeMismatch {
        /// Entry name.
        entry: String,
        /// Size in the manifest, bytes.
        listed: u64,
        /// Size in the archive, bytes.
        actual: u64,
    },
    /// The content isn't the one that the manifest lists.
    #[error("Entry '{entry}' has the SHA-256 {actual}, manifest.json lists {listed}")]
    ChecksumMismatch {
        /// Entry name.
        entry: String,
        /// Checksum in the manifest.
        listed: String,
        /// Checksum of what came out.
        actual: String,
    },
    /// Not as many records as the manifest lists.
    #[error("Entry '{entry}' holds {actual} records, manifest.json lists {listed}")]
    RecordsMismatch {
        /// Entry name.
        entry: String,
        /// Records in the manifest.
        listed: u64,
        /// Non-blank lines found.
        actual: u64,
    },
    /// A line that isn't text.
    #[error("Entry '{entry}' line {line}: not UTF-8 at byte {column}")]
    BadUtf8 {
        /// Entry name.
        entry: String,
        /// Physical line, from 1.
        line: u64,
        /// First bad byte in the line, from 1.
        column: usize,
    },
    /// A line longer than the reader will hold.
    #[error("Entry '{entry}' line {line}: longer than the {limit} bytes allowed")]
    LineTooLong {
        /// Entry name.
        entry: String,
        /// Physical line, from 1.
        line: u64,
        /// [`Limits::line_bytes_max`](crate::Limits::line_bytes_max).
        limit: usize,
    },
    /// Neither `describe.yaml` nor a `.jsonl`.
    #[error("The archive holds neither describe.yaml nor a .jsonl entry: there is nothing to import")]
    NothingToImport,
    /// The caller asks for an entry that isn't there, or isn't of the kind that the call reads.
    #[error("The archive has no entry '{entry}' of the kind asked for")]
    NoSuchEntry {
        /// The name asked for.
        entry: String,
    },
    /// Reading was called off by [`LineReader::with_stop`](crate::LineReader::with_stop).
    #[error("Reading '{entry}' was called off")]
    Stopped {
        /// The entry.
        entry: String,
    },
    /// The caller reads on after an error.
    #[error("Entry '{entry}' failed before; nothing more can be read of it")]
    Spent {
        /// Entry name.
        entry: String,
    },
    /// The caller writes an entry that no reader would accept.
    #[error("Entry '{entry}' can't be written: {detail}")]
    NotWritable {
        /// Entry name.
        entry: String,
        /// Which rule it breaks.
        detail: &'static str,
    },
    /// The bytes under the archive could not be read or written; the archive itself may be fine.
    #[error("The archive file could not be {action}")]
    Io {
        /// `read` or `written`.
        action: &'static str,
        /// What the operating system or the storage said.
        #[source]
        source: io::Error,
    },
}

/// What is wrong with an entry name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameFault {
    /// Would end early in any program that thinks in C strings.
    #[error("it holds a NUL byte")]
    Nul,
    /// A separator on Windows, part of a name elsewhere: two readers, two meanings.
    #[error("it holds a backslash")]
    Backslash,
    /// Starts with `/`.
    #[error("it is an absolute path")]
    Absolute,
    /// Starts with `C:` or the like.
    #[error("it starts with a drive letter")]
    DriveLetter,
    /// Has `..` for a part.
    #[error("it climbs out of its folder with '..'")]
    ParentFolder,
    /// Nothing is left of it.
    #[error("it is empty")]
    Empty,
    /// Longer than [`Limits::name_bytes_max`](crate::Limits::name_bytes_max).
    #[error("it is too long")]
    TooLong,
    /// Marked as UTF-8, and isn't.
    #[error("it is marked as UTF-8 and isn't")]
    NotUtf8,
}

/// What a caller has to tell apart; [`ArchiveError::kind`] sorts every error into one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Not a ZIP, or one whose directory can't be made out.
    Unreadable,
    /// A ZIP that breaks a rule no honest archive breaks, or a method that isn't read here.
    Refused,
    /// Larger than a limit; an operator may raise it.
    LimitExceeded,
    /// An entry whose data is damaged.
    Damaged,
    /// The manifest is wrong about the archive, or unreadable.
    Manifest,
    /// A line that can't be taken as text.
    Line,
    /// A readable ZIP without anything to import.
    Empty,
    /// The caller's own mistake.
    Usage,
    /// The storage under the archive.
    Io,
}

impl ArchiveError {
    /// Sorts the error by what a caller does about it.
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::NotZip | Self::Truncated { .. } | Self::BadDirectory { .. } => ErrorKind::Unreadable,
            Self::UnsafeName { .. }
            | Self::SpecialFile { .. }
            | Self::Encrypted { .. }
            | Self::UnsupportedMethod { .. }
            | Self::Duplicate { .. }
            | Self::Overlap { .. }
            | Self::HeaderMismatch { .. } => ErrorKind::Refused,
            Self::TooManyEntries { .. }
            | Self::TooLarge { .. }
            | Self::RatioTooHigh { .. }
            | Self::EntryTooLarge { .. } => ErrorKind::LimitExceeded,
            Self::InflatesBeyondDeclared { .. }
            | Self::EntryTruncated { .. }
            | Self::Corrupt { .. }
            | Self::CrcMismatch { .. } => ErrorKind::Damaged,
            Self::ManifestInvalid { .. }
            | Self::ManifestVersion { .. }
            | Self::EntryMissing { .. }
            | Self::SizeMismatch { .. }
            | Self::ChecksumMismatch { .. }
            | Self::RecordsMismatch { .. } => ErrorKind::Manifest,
            Self::BadUtf8 { .. } | Self::LineTooLong { .. } => ErrorKind::Line,
            Self::NothingToImport => ErrorKind::Empty,
            Self::NoSuchEntry { .. }
            | Self::Spent { .. }
            | Self::Stopped { .. }
            | Self::NotWritable { .. } => ErrorKind::Usage,
            Self::Io { .. } => ErrorKind::Io,
        }
    }

    /// The entry that the error is about, where it is about one.
    pub fn entry(&self) -> Option<&str> {
        match self {
            Self::UnsafeName { entry, .. }
            | Self::SpecialFile { entry, .. }
            | Self::Encrypted { entry }
            | Self::UnsupportedMethod { entry, .. }
            | Self::Duplicate { entry }
            | Self::Overlap { entry, .. }
            | Self::HeaderMismatch { entry, .. }
            | Self::RatioTooHigh { entry, .. }
            | Self::EntryTooLarge { entry, .. }
            | Self::InflatesBeyondDeclared { entry, .. }
            | Self::EntryTruncated { entry, .. }
            | Self::Corrupt { entry, .. }
            | Self::CrcMismatch { entry, .. }
            | Self::ManifestInvalid { entry, .. }
            | Self::ManifestVersion { entry, .. }
            | Self::EntryMissing { entry }
            | Self::SizeMismatch { entry, .. }
            | Self::ChecksumMismatch { entry, .. }
            | Self::RecordsMismatch { entry, .. }
            | Self::BadUtf8 { entry, .. }
            | Self::LineTooLong { entry, .. }
            | Self::NoSuchEntry { entry }
            | Self::Spent { entry }
            | Self::Stopped { entry }
            | Self::NotWritable { entry, .. } => Some(entry),
            Self::NotZip
            | Self::Truncated { .. }
            | Self::BadDirectory { .. }
            | Self::TooManyEntries { .. }
            | Self::TooLarge { .. }
            | Self::NothingToImport
            | Self::Io { .. } => None,
        }
    }

    /// The physical line that the error is about, from 1, where it is about one.
    pub fn line(&self) -> Option<u64> {
        match self {
            Self::BadUtf8 { line, .. } | Self::LineTooLong { line, .. } => Some(*line),
            _ => None,
        }
    }

    /// The storage failed while reading.
    pub(crate) fn reading(source: io::Error) -> Self {
        Self::Io { action: "read", source }
    }

    /// The storage failed while writing.
    pub(crate) fn writing(source: io::Error) -> Self {
        Self::Io { action: "written", source }
    }

    /// A directory that doesn't fit together.
    pub(crate) fn directory(detail: impl Into<String>) -> Self {
        Self::BadDirectory { detail: detail.into() }
    }
}

/// A name as an error shows it: control characters escaped, cut where it is long.
pub(crate) fn shown(name: &str) -> String {
    let mut text: String = name.chars().take(NAME_SHOWN_CHARS_MAX).flat_map(char::escape_debug).collect();
    if name.chars().nth(NAME_SHOWN_CHARS_MAX).is_some() {
        text.push('…');
    }
    text
}
