//! The bounds that keep a hostile archive from costing more than it may.
//!
//! Every figure is a setting. The defaults suit a server that holds little memory: what grows with the archive
//! is time alone.

/// What one archive may ask for. [`Limits::default`] holds the figures of the archive format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Entries in the directory, folders and ignored ones included. Default 10,000. Checked against the count
    /// that the archive claims before any record of the directory is read.
    pub entries_max: usize,
    /// Sum of the uncompressed sizes of all entries, in bytes. Default 100 GiB.
    pub uncompressed_bytes_max: u64,
    /// How many times its compressed size an entry may inflate to, once it is larger than
    /// [`inflation_free_bytes`](Self::inflation_free_bytes). Default 1,000; deflate itself ends at 1,032.
    pub inflation_ratio_max: u64,
    /// Uncompressed size in bytes up to which the ratio doesn't matter. Default 16 MiB: small entries of equal
    /// lines compress extremely well and harm nobody.
    pub inflation_free_bytes: u64,
    /// Uncompressed size of `describe.yaml`, in bytes. Default 16 MiB: it is held in memory whole.
    pub describe_bytes_max: u64,
    /// Uncompressed size of `manifest.json`, in bytes. Default 16 MiB: it is held in memory whole.
    pub manifest_bytes_max: u64,
    /// Length of one line of a data entry, in bytes, its line break left out. Default 16 MiB: the line buffer
    /// grows up to this.
    pub line_bytes_max: usize,
    /// Length of one entry name as stored, in bytes. Default 512: the names of a whole directory of 10,000
    /// entries, which memory holds several times over, stay below 50 MiB even in the legacy charset.
    pub name_bytes_max: usize,
}

impl Limits {
    /// No bounds but those of the format: for archives that this program wrote itself.
    #[must_use]
    pub fn none() -> Self {
        Self {
            entries_max: usize::MAX,
            uncompressed_bytes_max: u64::MAX,
            inflation_ratio_max: u64::MAX,
            inflation_free_bytes: u64::MAX,
            describe_bytes_max: u64::MAX,
            manifest_bytes_max: u64::MAX,
            line_bytes_max: usize::MAX,
            name_bytes_max: usize::MAX,
        }
    }
}

/// One binary megabyte.
const MIB: u64 = 1 << 20;
/// One binary gigabyte.
const GIB: u64 = 1 << 30;

impl Default for Limits {
    fn default() -> Self {
        Self {
            entries_max: 10_000,
            uncompressed_bytes_max: 100 * GIB,
            inflation_ratio_max: 1_000,
            inflation_free_bytes: 16 * MIB,
            describe_bytes_max: 16 * MIB,
            manifest_bytes_max: 16 * MIB,
            line_bytes_max: 16 << 20,
            name_bytes_max: 512,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_the_figures_of_the_format() {
        let figures = Limits {
            entries_max: 10_000,
            uncompressed_bytes_max: 107_374_182_400,
            inflation_ratio_max: 1_000,
            inflation_free_bytes: 16_777_216,
            describe_bytes_max: 16_777_216,
            manifest_bytes_max: 16_777_216,
            line_bytes_max: 16_777_216,
            name_bytes_max: 512,
        };
        assert_eq!(Limits::default(), figures);
    }
}
