//! What extracts need of the object storage, until the storage itself offers it.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;

use reinstate_store::TenantId;

use crate::error::JobsError;
use crate::extracts::ByteStream;
use crate::objects::Objects;

/// An object on its way in, written from a thread.
#[derive(Debug)]
pub(crate) struct BlockingWriter {
    runtime: tokio::runtime::Runtime,
    writer: crate::objects::ObjectWriter,
}

impl BlockingWriter {
    pub(crate) fn finish(self) -> Result<u64, JobsError> {
        self.runtime.block_on(self.writer.finish())
    }
}

impl Write for BlockingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = bytes::Bytes::copy_from_slice(bytes);
        self.runtime.block_on(self.writer.write(piece)).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Objects {
    pub(crate) fn extract_key(tenant: &TenantId, run_id: &str, fence: i64) -> String {
        format!("extracts/{tenant}/{run_id}-{fence}.zip")
    }

    pub(crate) fn writer(&self, key: &str) -> Result<BlockingWriter, JobsError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .map_err(|error| JobsError::storage("starting an object", error))?;
        let writer = runtime.block_on(self.put(key, u64::MAX))?;
        Ok(BlockingWriter { runtime, writer })
    }

    pub(crate) async fn read(&self, key: &str, range: Range<u64>) -> Result<ByteStream, JobsError> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file: File = self.open_read(key)?;
        file.seek(SeekFrom::Start(range.start)).map_err(|error| JobsError::storage("reading", error))?;
        let mut bytes = Vec::new();
        file.take(range.end - range.start)
            .read_to_end(&mut bytes)
            .map_err(|error| JobsError::storage("reading", error))?;
        Ok(Box::pin(futures_util::stream::iter([Ok(bytes::Bytes::from(bytes))])))
    }
}
