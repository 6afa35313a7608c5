//! A data entry, line by line, from one buffer that is used again and again.
//!
//! Nothing is allocated for a line: inflated bytes land in the buffer, `memchr` finds the break, the line is a
//! slice of the buffer. The buffer grows only for a line that doesn't fit, and only up to the limit.

use std::ops::Range;

use memchr::memchr;

use crate::ahead::Ahead;
use crate::content::Content;
use crate::error::ArchiveError;

/// Size of the buffer at the start, bytes: large enough that the call below it doesn't show.
const BUFFER_BYTES: usize = 256 << 10;
/// Mark that some programs put at the start of a UTF-8 file.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// One line that isn't blank.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// Number of the physical line in the entry, from 1, blank ones counted: what an editor shows.
    pub number: u64,
    /// The text without its line break and without a byte-order mark.
    pub text: &'a str,
}

/// Hands out the lines of one entry; made by [`Archive::lines`](crate::Archive::lines).
///
/// The lines are good for use, not yet for keeping: only `Ok(None)` says that the entry ended as the directory
/// and the manifest promise.
pub struct LineReader<'a> {
    entry: String,
    content: Source<'a>,
    line_bytes_max: usize,
    records_listed: Option<u64>,
    buffer: Vec<u8>,
    /// The part of the buffer that holds bytes not handed out yet.
    held: Range<usize>,
    /// How much of `held` is known to hold no line break.
    searched: usize,
    /// Bytes that came out of the entry so far.
    produced_bytes: u64,
    /// Asked before each piece of the entry is read.
    stop: Option<Box<dyn Fn() -> bool + 'a>>,
    /// Physical lines seen.
    lines: u64,
    /// Lines among them that aren't blank.
    records: u64,
    state: State,
}

/// Where the bytes of the entry come from.
pub(crate) enum Source<'a> {
    /// They are inflated when they are needed.
    Here(Box<dyn Content + 'a>),
    /// Another thread inflates them.
    Ahead(Ahead),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// More bytes may come.
    Reading,
    /// The entry has ended and is verified; the last line may still be in the buffer.
    AllRead,
    /// An error was returned.
    Failed,
}

impl std::fmt::Debug for LineReader<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LineReader")
            .field("entry", &self.entry)
            .field("lines", &self.lines)
            .field("records", &self.records)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

impl<'a> LineReader<'a> {
    /// Reads `content` of `entry`, as errors name it; the count of records is compared with `records_listed` at the
    /// end.
    pub(crate) fn new(
        entry: String,
        content: Source<'a>,
        line_bytes_max: usize,
        records_listed: Option<u64>,
    ) -> Self {
        Self {
            entry,
            content,
            line_bytes_max,
            records_listed,
            buffer: Vec::new(),
            held: 0..0,
            searched: 0,
            produced_bytes: 0,
            stop: None,
            lines: 0,
            records: 0,
            state: State::Reading,
        }
    }

    /// Has `stop` asked before each piece of at most 256 KiB is inflated, so that a reader can be called off
    /// in the middle of however much white space; after a `true` the next line is
    /// [`Stopped`](ArchiveError::Stopped).
    #[must_use]
    pub fn with_stop(mut self, stop: impl Fn() -> bool + 'a) -> Self {
        self.stop = Some(Box::new(stop));
        self
    }

    /// The next line that isn't blank; `None` once the entry has ended and its size, CRC, and the manifest's
    /// size, checksum and record count have been found right.
    ///
    /// # Errors
    /// [`BadUtf8`](ArchiveError::BadUtf8), [`LineTooLong`](ArchiveError::LineTooLong), every error that means
    /// damaged data or a manifest that disagrees, [`Io`](ArchiveError::Io). After an error the reader is spent:
    /// further calls give [`Spent`](ArchiveError::Spent).
    pub fn next_line(&mut self) -> Result<Option<Line<'_>>, ArchiveError> {
        if self.state == State::Failed {
            return Err(ArchiveError::Spent { entry: self.entry.clone() });
        }
        match self.advance() {
            Ok(None) => Ok(None),
            Ok(Some(range)) => {
                let bytes = self.buffer.get(range).unwrap_or_default();
                match str::from_utf8(bytes) {
                    Ok(text) => Ok(Some(Line { number: self.lines, text })),
                    Err(error) => {
                        self.state = State::Failed;
                        Err(ArchiveError::BadUtf8 {
                            entry: self.entry.clone(),
                            line: self.lines,
                            column: error.valid_up_to() + 1,
                        })
                    }
                }
            }
            Err(error) => {
                self.state = State::Failed;
                Err(error)
            }
        }
    }

    /// Inflated bytes handed out so far, line breaks included: grows from 0 to the size of the entry.
    pub fn bytes_read(&self) -> u64 {
        self.produced_bytes - self.held.len() as u64
    }

    /// Lines handed out so far; at the end, the number of records of the entry.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Reads to the end without looking at the text of the lines.
    pub(crate) fn drain(&mut self) -> Result<(), ArchiveError> {
        while self.advance()?.is_some() {}
        Ok(())
    }

    /// The place in the buffer of the next line that isn't blank, without break and byte-order mark.
    fn advance(&mut self) -> Result<Option<Range<usize>>, ArchiveError> {
        while let Some(mut line) = self.next_physical()? {
            self.lines += 1;
            if self.lines == 1 && self.slice(&line).starts_with(BYTE_ORDER_MARK) {
                line.start += BYTE_ORDER_MARK.len();
            }
            if self.slice(&line).ends_with(b"\r") {
                line.end -= 1;
            }
            if line.len() > self.line_bytes_max {
                return Err(self.line_too_long());
            }
            if !self.slice(&line).trim_ascii().is_empty() {
                self.records += 1;
                return Ok(Some(line));
            }
        }
        self.check_records()?;
        Ok(None)
    }

    /// The place in the buffer of the next line, blank or not, without its `\n`.
    fn next_physical(&mut self) -> Result<Option<Range<usize>>, ArchiveError> {
        loop {
            let start = self.held.start;
            let unsearched = self.buffer.get(start + self.searched..self.held.end).unwrap_or_default();
            if let Some(position) = memchr(b'\n', unsearched) {
                let end = start + self.searched + position;
                self.held.start = end + 1;
                self.searched = 0;
                return Ok(Some(start..end));
            }
            self.searched = self.held.len();
            if self.state == State::AllRead {
                if self.held.is_empty() {
                    return Ok(None);
                }
                self.held.start = self.held.end;
                self.searched = 0;
                return Ok(Some(start..self.held.end));
            }
            self.fetch()?;
        }
    }

    /// Gets more bytes behind those held, making room first.
    fn fetch(&mut self) -> Result<(), ArchiveError> {
        // One byte of slack for a `\r` that isn't part of the line, three for a byte-order mark.
        if self.held.len() > self.line_bytes_max.saturating_add(1 + BYTE_ORDER_MARK.len()) {
            self.lines += 1;
            return Err(self.line_too_long());
        }
        if self.stop.as_ref().is_some_and(|stop| stop()) {
            return Err(ArchiveError::Stopped { entry: self.entry.clone() });
        }
        let longest = self.line_bytes_max.saturating_add(BUFFER_BYTES);
        let count = match &mut self.content {
            Source::Here(content) => {
                if self.held.start > 0 {
                    self.buffer.copy_within(self.held.clone(), 0);
                    self.held = 0..self.held.len();
                }
                if self.held.end == self.buffer.len() {
                    let length = (self.buffer.len() * 2).min(longest).max(BUFFER_BYTES);
                    self.buffer.resize(length, 0);
                }
                let count = content.fill(self.buffer.get_mut(self.held.end..).unwrap_or_default())?;
                self.held.end += count;
                count
            }
            Source::Ahead(ahead) => {
                let next = ahead.next(&mut self.buffer, self.held.clone(), longest);
                let stopped = || Err(ArchiveError::Stopped { entry: self.entry.clone() });
                let (held, count) = next.unwrap_or_else(stopped)?;
                self.held = held;
                count
            }
        };
        if count == 0 {
            self.state = State::AllRead;
        }
        self.produced_bytes += count as u64;
        Ok(())
    }

    fn slice(&self, range: &Range<usize>) -> &[u8] {
        self.buffer.get(range.clone()).unwrap_or_default()
    }

    fn line_too_long(&self) -> ArchiveError {
        ArchiveError::LineTooLong { entry: self.entry.clone(), line: self.lines, limit: self.line_bytes_max }
    }

    fn check_records(&self) -> Result<(), ArchiveError> {
        match self.records_listed {
            Some(listed) if listed != self.records => {
                Err(ArchiveError::RecordsMismatch { entry: self.entry.clone(), listed, actual: self.records })
            }
            _ => Ok(()),
        }
    }
}
