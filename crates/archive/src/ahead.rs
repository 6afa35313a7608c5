//! An entry that is inflated and verified ahead of whoever reads its lines, on a thread of its own.
//!
//! Blocks go round between the two threads: the reader gives one that it is done with back for each that it takes, so
//! that memory is a few blocks whatever the size of the entry. No byte is copied on the way but the part of a line at
//! the end of a block, which moves into the room that the next block has in front.

use std::ops::Range;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::Scope;

use crate::content::Content;
use crate::error::ArchiveError;

/// Inflated bytes of a block: large enough that handing it over doesn't show.
const BLOCK_BYTES: usize = 256 << 10;
/// Room in front of a block for the part of a line that the block before ended in.
const ROOM_BYTES: usize = 16 << 10;
/// Blocks that the inflating thread fills; the reader holds one more.
const BLOCKS: usize = 3;

/// The reader's side. Dropping it ends the other thread at its next block.
pub(crate) struct Ahead {
    filled: Receiver<Result<Block, ArchiveError>>,
    emptied: Sender<Vec<u8>>,
}

/// A buffer with [`ROOM_BYTES`] in front of `length` bytes of the entry; none at its end, once all is verified.
struct Block {
    buffer: Vec<u8>,
    length: usize,
}

impl Ahead {
    /// Starts to inflate `content`.
    pub(crate) fn start<'scope>(
        mut content: impl Content + Send + 'scope,
        scope: &'scope Scope<'scope, '_>,
    ) -> Self {
        let (filling, filled) = channel();
        let (emptied, to_fill) = channel();
        for _ in 0..BLOCKS {
            // The other end is here still.
            let _ = emptied.send(Vec::new());
        }
        scope.spawn(move || {
            for buffer in to_fill {
                let block = Block::fill(&mut content, buffer);
                let is_last = block.as_ref().map_or(true, |block| block.length == 0);
                if filling.send(block).is_err() || is_last {
                    return;
                }
            }
        });
        Self { filled, emptied }
    }

    /// Puts the next bytes behind those of `buffer` that are `held`, and says where all of them are then and how many
    /// are new: none only at the end, once everything has been verified. `buffer` grows up to `bytes_max` where
    /// what is held is long.
    ///
    /// # Errors
    /// What reading the content gave, after all bytes before it. `None` where the other thread is gone.
    pub(crate) fn next(
        &mut self,
        buffer: &mut Vec<u8>,
        held: Range<usize>,
        bytes_max: usize,
    ) -> Option<Result<(Range<usize>, usize), ArchiveError>> {
        let mut block = match self.filled.recv().ok()? {
            Ok(block) => block,
            Err(error) => return Some(Err(error)),
        };
        let (count, kept) = (block.length, held.len());
        if kept > ROOM_BYTES {
            buffer.copy_within(held, 0);
            buffer.truncate(kept);
            if buffer.capacity() - kept < count {
                let capacity = (kept * 2).min(bytes_max).max(kept + count);
                buffer.reserve_exact(capacity - kept);
            }
            buffer.extend_from_slice(block.bytes());
            self.give_back(block.buffer);
            return Some(Ok((0..kept + count, count)));
        }
        let start = ROOM_BYTES - kept;
        if let (Some(room), Some(part)) = (block.buffer.get_mut(start..ROOM_BYTES), buffer.get(held)) {
            room.copy_from_slice(part);
        }
        self.give_back(std::mem::replace(buffer, block.buffer));
        Some(Ok((start..ROOM_BYTES + count, count)))
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        // A buffer that a long line was gathered in must not keep its memory.
        buffer.truncate(ROOM_BYTES + BLOCK_BYTES);
        buffer.shrink_to(ROOM_BYTES + BLOCK_BYTES);
        // At the end of the entry nobody needs it.
        let _ = self.emptied.send(buffer);
    }
}

impl Block {
    /// Fills a buffer; an error comes alone, after the block with the bytes before it.
    fn fill(content: &mut impl Content, mut buffer: Vec<u8>) -> Result<Self, ArchiveError> {
        buffer.resize(ROOM_BYTES + BLOCK_BYTES, 0);
        let into = buffer.get_mut(ROOM_BYTES..).unwrap_or_default();
        let length = content.fill(into)?;
        Ok(Self { buffer, length })
    }

    fn bytes(&self) -> &[u8] {
        self.buffer.get(ROOM_BYTES..ROOM_BYTES + self.length).unwrap_or_default()
    }
}
