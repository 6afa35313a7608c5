//! The checksum of what is written, taken on the way.

use std::io::{self, Write};

use sha2::{Digest, Sha256};

/// Passes writes on and remembers their SHA-256.
#[derive(Debug)]
pub(crate) struct ChecksumWriter<W> {
    inner: W,
    hasher: Sha256,
}

impl<W: Write> ChecksumWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new() }
    }

    /// What was written to, and the checksum in lower-case hexadecimal digits.
    pub(crate) fn finish(self) -> (W, String) {
        let digits = self.hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        (self.inner, digits)
    }
}

impl<W: Write> Write for ChecksumWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_everything_that_was_written() {
        let mut writer = ChecksumWriter::new(Vec::new());
        writer.write_all(b"a").unwrap();
        writer.write_all(b"bc").unwrap();
        let (written, checksum) = writer.finish();
        assert_eq!(written, b"abc");
        assert_eq!(checksum, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
