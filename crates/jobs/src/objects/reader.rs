//! Objects read here and there: a file of a folder, or blocks of a bucket's object.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use object_store::ObjectMeta;

use super::download::Wanted;
use super::io_runtime::block_on;
use super::storage::Storage;
use super::stream;
use crate::error::JobsError;

/// Size of a block: whoever looks into an archive reads its end, and then a few places in front of it.
const BLOCK_BYTES: u64 = 1 << 20;

/// Blocks that are kept.
const BLOCKS_MAX: usize = 4;

/// An object that is read at any place. Reading blocks; an error of a bucket holds the [`JobsError`].
#[derive(Debug)]
pub struct ObjectReader(Kind);

#[derive(Debug)]
enum Kind {
    File(File),
    Blocks(Blocks),
}

#[derive(Debug)]
struct Blocks {
    storage: Arc<Storage>,
    key: String,
    etag: Option<String>,
    size_bytes: u64,
    position: u64,
    /// By number; the one that was used last is last.
    kept: VecDeque<(u64, Bytes)>,
}

impl ObjectReader {
    pub(super) fn of_file(file: File) -> Self {
        Self(Kind::File(file))
    }

    pub(super) fn of_object(storage: Arc<Storage>, key: &str, found: ObjectMeta) -> Self {
        Self(Kind::Blocks(Blocks {
            storage,
            key: key.to_owned(),
            etag: found.e_tag,
            size_bytes: found.size,
            position: 0,
            kept: VecDeque::new(),
        }))
    }
}

impl Read for ObjectReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Kind::File(file) => file.read(buffer),
            Kind::Blocks(blocks) => blocks.read(buffer),
        }
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Kind::File(file) => file.seek(to),
            Kind::Blocks(blocks) => blocks.seek(to),
        }
    }
}

impl Blocks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size_bytes || buffer.is_empty() {
            return Ok(0);
        }
        let block = self.block(self.position / BLOCK_BYTES).map_err(io::Error::other)?;
        let offset = usize::try_from(self.position % BLOCK_BYTES).unwrap_or(usize::MAX);
        let Some(rest) = block.get(offset..).filter(|rest| !rest.is_empty()) else {
            return Err(io::ErrorKind::UnexpectedEof.into());
        };
        let read = io::copy(&mut rest.take(buffer.len() as u64), &mut &mut *buffer)?;
        self.position += read;
        Ok(usize::try_from(read).unwrap_or(usize::MAX))
    }

    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size_bytes.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }

    fn block(&mut self, number: u64) -> Result<Bytes, JobsError> {
        let kept = self.kept.iter().position(|(kept, _)| *kept == number);
        let block = match kept.and_then(|at| self.kept.remove(at)) {
            Some((_, block)) => block,
            None => self.fetch(number)?,
        };
        self.kept.push_back((number, block.clone()));
        if self.kept.len() > BLOCKS_MAX {
            self.kept.pop_front();
        }
        Ok(block)
    }

    fn fetch(&self, number: u64) -> Result<Bytes, JobsError> {
        let start = number * BLOCK_BYTES;
        let range = start..self.size_bytes.min(start.saturating_add(BLOCK_BYTES));
        let wanted = Wanted { key: self.key.clone(), range: Some(range), etag: self.etag.clone() };
        block_on(async {
            let mut pieces = stream::of_object(&self.storage, wanted).await?;
            let mut block = Vec::new();
            while let Some(piece) = pieces.next().await {
                block.extend_from_slice(&piece?);
            }
            Ok(Bytes::from(block))
        })
    }
}
