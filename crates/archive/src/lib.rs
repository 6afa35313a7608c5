//! Reads and writes extract archives: ZIP files with `describe.yaml`, `manifest.json` and one `NAME.jsonl` a model.
//!
//! An archive comes from a stranger. So the reader decides everything that it can from the directory, before a
//! byte is inflated ([`Archive::open`]); bounds whatever is left ([`Limits`]); streams entries through one buffer
//! ([`LineReader`]); compares sizes, CRC, SHA-256 and record counts at the end of each; and never writes to disk.
//!
//! | to | use |
//! | --- | --- |
//! | restore | [`Archive::open`], [`Archive::describe_text`], [`Archive::lines`], [`Archive::verify_entry`] |
//! | answer an upload at once | [`check_upload`] |
//! | name everything that is wrong | [`Archive::inspect`] |
//! | extract | [`ArchiveWriter`] |
//!
//! Nothing here knows what a model or a field is: the model of an entry is the text in its file name.

mod ahead;
mod archive;
mod content;
mod cursor;
mod directory;
mod end_record;
mod entry;
mod error;
mod faults;
mod header;
mod limits;
mod lines;
mod manifest;
mod name;
mod writer;

pub use archive::{Archive, EntryVerdict, Inspection, check_upload};
pub use entry::{DATA_SUFFIX, DESCRIBE_NAME, DataEntry, Entry, EntryKind, MANIFEST_NAME, Warning};
pub use error::{ArchiveError, ErrorKind, NameFault};
pub use limits::Limits;
pub use lines::{Line, LineReader};
pub use manifest::{Artifact, MANIFEST_VERSION, Manifest};
pub use writer::{ArchiveWriter, ManifestHeader, Written};
