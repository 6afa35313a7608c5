//! The packing side: entries and pieces of text come through a channel and leave as an archive.

use std::io::Write;

use reinstate_archive::{ArchiveWriter, Artifact, ManifestHeader};

use super::error::ExtractError;
use crate::channel::End;

/// What the packer is told.
pub(super) enum Order {
    /// Start the entry of that name.
    Entry(String),
    /// More of the entry's text.
    Piece(String),
    /// That was all: write the manifest.
    End,
}

/// An archive that was packed to its end.
pub(super) struct Packed<W> {
    pub(super) artifacts: Vec<Artifact>,
    pub(super) output: W,
}

/// Packs until it is told of the end; `None` where nothing more came before that.
pub(super) fn pack<W: Write>(
    orders: &End<'_, Order>,
    output: W,
    header: ManifestHeader,
    level: Option<u8>,
) -> Result<Option<Packed<W>>, ExtractError> {
    let mut writer = match level {
        Some(level) => ArchiveWriter::with_level(output, header, level),
        None => ArchiveWriter::new(output, header),
    };
    while let Some(order) = orders.receive() {
        match order {
            Order::Entry(name) => writer.start_entry(&name)?,
            Order::Piece(text) => writer.write(text.as_bytes())?,
            Order::End => {
                let written = writer.finish_into()?;
                let mut artifacts = written.manifest.artifacts;
                artifacts.push(written.manifest_artifact);
                return Ok(Some(Packed { artifacts, output: written.inner }));
            }
        }
    }
    Ok(None)
}

/// The writing side's end of the channel.
pub(super) struct Feeder<'a> {
    orders: End<'a, Order>,
    /// Bytes of the pieces that were handed over.
    bytes: u64,
}

impl<'a> Feeder<'a> {
    pub(super) fn new(orders: End<'a, Order>) -> Self {
        Self { orders, bytes: 0 }
    }

    /// Starts an entry.
    pub(super) fn entry(&mut self, name: String) -> Result<(), ExtractError> {
        self.send(Order::Entry(name), 0)
    }

    /// Appends a text to the entry, which should be a large one: each has its price.
    pub(super) fn piece(&mut self, text: String) -> Result<(), ExtractError> {
        self.bytes = self.bytes.saturating_add(text.len() as u64);
        let held = text.capacity();
        self.send(Order::Piece(text), held)
    }

    /// Bytes of all entries so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends the archive.
    pub(super) fn end(&mut self) -> Result<(), ExtractError> {
        self.send(Order::End, 0)
    }

    fn send(&self, order: Order, bytes: usize) -> Result<(), ExtractError> {
        if self.orders.send(order, bytes) { Ok(()) } else { Err(gone()) }
    }
}

/// The other side ended before it should.
pub(super) fn gone() -> ExtractError {
    ExtractError::Output(std::io::Error::other("packing ended early"))
}
