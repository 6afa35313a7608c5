//! Builds ZIPs byte by byte, so that each field of them can lie.

use std::io::Write;

/// One entry: its two headers and its packed data, all independent of each other.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) name: Vec<u8>,
    pub(crate) local_name: Vec<u8>,
    pub(crate) flags: u16,
    pub(crate) local_flags: u16,
    pub(crate) method: u16,
    pub(crate) local_method: u16,
    pub(crate) crc: u32,
    pub(crate) local_crc: u32,
    pub(crate) compressed: u64,
    pub(crate) uncompressed: u64,
    pub(crate) local_compressed: u32,
    pub(crate) local_uncompressed: u32,
    pub(crate) attributes: u32,
    pub(crate) extra: Vec<u8>,
    pub(crate) local_extra: Vec<u8>,
    pub(crate) zip64: bool,
    pub(crate) data: Vec<u8>,
    /// What follows the data, such as a data descriptor.
    pub(crate) trailer: Vec<u8>,
    /// Where the directory says the local header is, if that is a lie.
    pub(crate) offset: Option<u64>,
    /// Whether the entry has a place of its own in the file.
    pub(crate) in_file: bool,
}

pub(crate) const UTF8: u16 = 1 << 11;
pub(crate) const STREAMED: u16 = 1 << 3;
pub(crate) const ENCRYPTED: u16 = 1;

impl Entry {
    fn packed(name: &[u8], method: u16, content: &[u8], data: Vec<u8>) -> Self {
        let mut crc = flate2::Crc::new();
        crc.update(content);
        let (compressed, uncompressed) = (data.len() as u64, content.len() as u64);
        Self {
            name: name.to_vec(),
            local_name: name.to_vec(),
            flags: 0,
            local_flags: 0,
            method,
            local_method: method,
            crc: crc.sum(),
            local_crc: crc.sum(),
            compressed,
            uncompressed,
            local_compressed: compressed as u32,
            local_uncompressed: uncompressed as u32,
            attributes: 0,
            extra: Vec::new(),
            local_extra: Vec::new(),
            zip64: false,
            data,
            trailer: Vec::new(),
            offset: None,
            in_file: true,
        }
    }

    pub(crate) fn stored(name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        Self::packed(name.as_ref(), 0, content, content.to_vec())
    }

    pub(crate) fn deflated(name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(content).unwrap();
        Self::packed(name.as_ref(), 8, content, encoder.finish().unwrap())
    }

    pub(crate) fn zstd(name: impl AsRef<[u8]>, content: &[u8]) -> Self {
        Self::packed(name.as_ref(), 93, content, zstd::encode_all(content, 3).unwrap())
    }

    /// Sizes and CRC behind the data, zeros in the local header.
    pub(crate) fn streamed(mut self) -> Self {
        self.flags |= STREAMED;
        self.local_flags |= STREAMED;
        self.trailer.extend(0x0807_4b50_u32.to_le_bytes());
        self.trailer.extend(self.crc.to_le_bytes());
        self.trailer.extend((self.compressed as u32).to_le_bytes());
        self.trailer.extend((self.uncompressed as u32).to_le_bytes());
        (self.local_crc, self.local_compressed, self.local_uncompressed) = (0, 0, 0);
        self
    }

    /// Sizes in 64 bits, in both headers.
    pub(crate) fn zip64(mut self) -> Self {
        self.zip64 = true;
        self.local_extra.extend([1, 0, 16, 0]);
        self.local_extra.extend(self.uncompressed.to_le_bytes());
        self.local_extra.extend(self.compressed.to_le_bytes());
        (self.local_compressed, self.local_uncompressed) = (u32::MAX, u32::MAX);
        self
    }

    pub(crate) fn mode(mut self, mode: u32) -> Self {
        self.attributes = mode << 16;
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// The local header with its data and what follows.
    pub(crate) fn local_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(0x0403_4b50_u32.to_le_bytes());
        out.extend(20_u16.to_le_bytes());
        out.extend(self.local_flags.to_le_bytes());
        out.extend(self.local_method.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.local_crc.to_le_bytes());
        out.extend(self.local_compressed.to_le_bytes());
        out.extend(self.local_uncompressed.to_le_bytes());
        out.extend((self.local_name.len() as u16).to_le_bytes());
        out.extend((self.local_extra.len() as u16).to_le_bytes());
        out.extend(&self.local_name);
        out.extend(&self.local_extra);
        out.extend(&self.data);
        out.extend(&self.trailer);
        out
    }

    fn central_bytes(&self, offset: u64) -> Vec<u8> {
        let narrow = |value: u64| if self.zip64 { u32::MAX } else { value as u32 };
        let mut extra = self.extra.clone();
        if self.zip64 {
            extra.extend([1, 0, 24, 0]);
            for value in [self.uncompressed, self.compressed, offset] {
                extra.extend(value.to_le_bytes());
            }
        }
        let mut out = Vec::new();
        out.extend(0x0201_4b50_u32.to_le_bytes());
        out.extend([20, 3, 20, 0]);
        out.extend(self.flags.to_le_bytes());
        out.extend(self.method.to_le_bytes());
        out.extend([0; 4]);
        out.extend(self.crc.to_le_bytes());
        out.extend(narrow(self.compressed).to_le_bytes());
        out.extend(narrow(self.uncompressed).to_le_bytes());
        out.extend((self.name.len() as u16).to_le_bytes());
        out.extend((extra.len() as u16).to_le_bytes());
        out.extend([0; 6]);
        out.extend(self.attributes.to_le_bytes());
        out.extend(narrow(offset).to_le_bytes());
        out.extend(&self.name);
        out.extend(&extra);
        out
    }
}

/// A whole archive.
#[derive(Clone, Default)]
pub(crate) struct Forge {
    pub(crate) entries: Vec<Entry>,
    pub(crate) prefix: Vec<u8>,
    pub(crate) comment: Vec<u8>,
    /// Count of entries in the end record, if that is a lie.
    pub(crate) claimed: Option<u64>,
    /// Adds the ZIP64 end record and locator.
    pub(crate) zip64: bool,
}

impl Forge {
    pub(crate) fn of(entries: impl IntoIterator<Item = Entry>) -> Self {
        Self { entries: entries.into_iter().collect(), ..Self::default() }
    }

    pub(crate) fn build(&self) -> Vec<u8> {
        let mut out = self.prefix.clone();
        let mut directory = Vec::new();
        for entry in &self.entries {
            directory.extend(entry.central_bytes(entry.offset.unwrap_or(out.len() as u64)));
            if entry.in_file {
                out.extend(entry.local_bytes());
            }
        }
        let offset = out.len() as u64;
        let count = self.claimed.unwrap_or(self.entries.len() as u64);
        out.extend(&directory);
        if self.zip64 {
            let end_offset = out.len() as u64;
            out.extend(0x0606_4b50_u32.to_le_bytes());
            out.extend(44_u64.to_le_bytes());
            out.extend([45, 0, 45, 0]);
            out.extend([0; 8]);
            for value in [count, count, directory.len() as u64, offset] {
                out.extend(value.to_le_bytes());
            }
            out.extend(0x0706_4b50_u32.to_le_bytes());
            out.extend(0_u32.to_le_bytes());
            out.extend(end_offset.to_le_bytes());
            out.extend(1_u32.to_le_bytes());
        }
        let (count, bytes, offset) = match self.zip64 {
            true => (u16::MAX, u32::MAX, u32::MAX),
            false => (count as u16, directory.len() as u32, offset as u32),
        };
        out.extend(0x0605_4b50_u32.to_le_bytes());
        out.extend([0; 4]);
        out.extend(count.to_le_bytes());
        out.extend(count.to_le_bytes());
        out.extend(bytes.to_le_bytes());
        out.extend(offset.to_le_bytes());
        out.extend((self.comment.len() as u16).to_le_bytes());
        out.extend(&self.comment);
        out
    }
}

/// An archive of these entries.
pub(crate) fn zip(entries: impl IntoIterator<Item = Entry>) -> Vec<u8> {
    Forge::of(entries).build()
}
