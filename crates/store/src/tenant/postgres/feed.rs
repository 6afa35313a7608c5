//! A run's connection, and the rows that are on their way over it.
//!
//! Where many rows come, a thread of its own has the connection and writes them into a `COPY` that stays open from
//! batch to batch: a file is read, its rows are encoded and the server works on them at the same time. Whoever has
//! something else to say to the server gets the connection by [`Feed::database`], which ends the copy first.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use diesel::QueryResult;
use reinstate_describe::Batch;

use super::block::{Block, Destination, Unwritten};
use super::queue::Queue;
use crate::database::Database;

/// Bytes that are handed over at once. Fewer at the end of a model are sent without a thread, which would cost more
/// than it gains.
const BLOCK_BYTES: usize = 128 * 1024;

/// Bytes of blocks that wait for the server, at most, and one block: enough for some hundredths of a second in which
/// it has something else to do.
const QUEUE_BYTES_MAX: usize = 3 * 1024 * 1024;

/// The connection of a run with the rows that are on their way.
#[derive(Debug)]
pub(super) struct Feed {
    link: Link,
    /// Rows that are too few to be handed over.
    gathered: Option<Block>,
}

/// Who has the connection.
enum Link {
    Here(Database),
    Away(Feeder),
    /// It was lost with the thread that had it.
    Gone,
}

/// A thread that writes blocks to the server in the order in which they were put.
#[derive(Debug)]
struct Feeder {
    queue: Arc<Queue>,
    thread: JoinHandle<(Database, Result<(), Unwritten>)>,
}

impl Feed {
    /// Nothing is on its way over `connection`.
    pub(super) fn new(connection: Database) -> Self {
        Self { link: Link::Here(connection), gathered: None }
    }

    /// Adds rows of a batch, which `encode` writes in the form of a `COPY`. That they were refused may be said later,
    /// at the latest by [`Feed::finish`].
    pub(super) fn add(
        &mut self,
        to: &Destination,
        batch: &Batch,
        encode: impl FnOnce(&mut Vec<u8>) -> QueryResult<()>,
    ) -> Result<(), Unwritten> {
        if self.gathered.as_ref().is_some_and(|block| block.to != *to) {
            self.pass_on()?;
        }
        let block = match &mut self.gathered {
            Some(block) => block,
            None => {
                let bytes = self.link.spare();
                self.gathered.insert(Block::new(to.clone(), bytes))
            }
        };
        block.add(batch, encode)?;
        if block.bytes.len() < BLOCK_BYTES {
            return Ok(());
        }
        self.link.open()?;
        self.pass_on()
    }

    /// Sends all rows, ends the copy, and says whether the server took them.
    pub(super) fn finish(&mut self) -> Result<(), Unwritten> {
        let is_passed_on = self.pass_on();
        let is_ended = self.link.close();
        is_ended.and(is_passed_on)
    }

    /// The connection, over which nothing is on its way any more.
    pub(super) fn database(&mut self) -> Result<&mut Database, Unwritten> {
        self.finish()?;
        match &mut self.link {
            Link::Here(connection) => Ok(connection),
            Link::Away(_) | Link::Gone => Err(Unwritten::gone()),
        }
    }

    /// Breaks the copy off. The connection, where there is one, is good for taking everything back only.
    pub(super) fn abandon(&mut self) -> Option<&mut Database> {
        self.gathered = None;
        if let Link::Away(feeder) = &self.link {
            feeder.queue.abandon();
            // What it was broken off with is known, and a panic goes on already where there was one.
            let _ = std::panic::catch_unwind(AssertUnwindSafe(|| self.link.close()));
        }
        match &mut self.link {
            Link::Here(connection) => Some(connection),
            Link::Away(_) | Link::Gone => None,
        }
    }

    /// Hands what was gathered to the thread, or sends it where there is none.
    fn pass_on(&mut self) -> Result<(), Unwritten> {
        let Some(block) = self.gathered.take() else { return Ok(()) };
        match &mut self.link {
            Link::Here(connection) => block.send(connection),
            Link::Away(feeder) if feeder.queue.put(block) => Ok(()),
            // It ended by itself, and says why; the block is nowhere, whatever it says.
            Link::Away(_) => self.link.close().and(Err(Unwritten::gone())),
            Link::Gone => Err(Unwritten::gone()),
        }
    }
}

impl Drop for Feed {
    /// Ends the thread: it would wait for blocks, and hold what its connection holds, for ever.
    fn drop(&mut self) {
        self.abandon();
    }
}

impl Link {
    /// Lets a thread have the connection.
    fn open(&mut self) -> Result<(), Unwritten> {
        match std::mem::replace(self, Self::Gone) {
            Self::Here(connection) => *self = Self::Away(Feeder::start(connection)?),
            link => *self = link,
        }
        Ok(())
    }

    /// Takes the connection back when everything that was put is with the server.
    fn close(&mut self) -> Result<(), Unwritten> {
        let (connection, fed) = match std::mem::replace(self, Self::Gone) {
            Self::Away(feeder) => feeder.end(),
            link => {
                *self = link;
                return Ok(());
            }
        };
        *self = Self::Here(connection);
        fed
    }

    /// Room for a block, used before where there is some.
    fn spare(&self) -> Vec<u8> {
        match self {
            Self::Away(feeder) => feeder.queue.spare(),
            Self::Here(_) | Self::Gone => Vec::new(),
        }
    }
}

impl Feeder {
    fn start(mut connection: Database) -> Result<Self, Unwritten> {
        let queue = Arc::new(Queue::new(QUEUE_BYTES_MAX));
        let theirs = Arc::clone(&queue);
        let thread = std::thread::Builder::new()
            .name("run-feeder".to_owned())
            .spawn(move || {
                let fed = theirs.feed(&mut connection);
                (connection, fed)
            })
            // The connection went with the thread.
            .map_err(|error| Unwritten::unavailable(format!("no thread: {error}")))?;
        Ok(Self { queue, thread })
    }

    /// The connection, and what became of the rows. A panic of the thread goes on in the caller's.
    fn end(self) -> (Database, Result<(), Unwritten>) {
        self.queue.end();
        self.thread.join().unwrap_or_else(|panic| resume_unwind(panic))
    }
}

impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Here(_) => "Here",
            Self::Away(_) => "Away",
            Self::Gone => "Gone",
        })
    }
}
