//! `describe.yaml`: the definitions of an archive, in and out.

use crate::model::Model;

/// Bounds on what a description may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescribeLimits {
    /// Bytes of the file.
    pub bytes_max: usize,
    /// Bytes that all aliases together may expand to.
    pub alias_bytes_max: usize,
    /// Nesting of mappings and lists.
    pub depth_max: usize,
    /// Fields of one model: PostgreSQL's tables hold 1,600 columns, system columns included.
    pub fields_max: usize,
}

impl Default for DescribeLimits {
    fn default() -> Self {
        Self {
            bytes_max: 16 * 1024 * 1024,
            alias_bytes_max: 16 * 1024 * 1024,
            depth_max: 64,
            fields_max: 1_500,
        }
    }
}

/// A description that was read and checked.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DescribeFile {
    /// The models in their order, reserved ones left out.
    pub models: Vec<Model>,
    /// Names of reserved models that the file describes too.
    pub reserved: Vec<String>,
    /// What is odd but no fault.
    pub warnings: Vec<DescribeWarning>,
}

/// Something odd in a description that does not keep it from being used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DescribeWarning {
    /// Line in the file, 1-based.
    pub line: u64,
    /// The model, where it lies in one.
    pub model: Option<String>,
    /// The field, where it lies in one.
    pub field: Option<String>,
    /// The key in question.
    pub key: String,
    /// One sentence for a person.
    pub message: String,
}

/// A fault of a description: it cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct DescribeFault {
    /// Line in the file, 1-based; 0 where the whole file is at fault.
    pub line: u64,
    /// Column in the line, 1-based, where known.
    pub column: Option<u64>,
    /// The model, where it lies in one.
    pub model: Option<String>,
    /// The field, where it lies in one.
    pub field: Option<String>,
    /// One sentence for a person, without the line.
    pub message: String,
}

/// Reads and checks a whole description.
///
/// # Errors
/// All faults at once, in the order of their lines; a syntax error comes alone.
pub fn parse_describe(bytes: &[u8], limits: &DescribeLimits) -> Result<DescribeFile, Vec<DescribeFault>> {
    let _ = (bytes, limits);
    todo!()
}

/// Writes models as a description: every attribute, in an order that depends on the models alone. Reading it
/// again gives the same models.
#[must_use]
pub fn write_describe<'a>(models: impl IntoIterator<Item = &'a Model>) -> String {
    let _ = models.into_iter();
    todo!()
}
