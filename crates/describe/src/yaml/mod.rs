//! `describe.yaml`: the definitions of an archive, in and out.

mod loader;
mod write;

use std::collections::HashMap;

use crate::definition::attributes::{FIELDS, MODEL_NAME};
use crate::definition::node::{Entry, Node, NodeKind, Place};
use crate::definition::reader::{Context, Finding, Reader, Strictness};
use crate::model::Model;
use crate::name::Name;
use crate::system::is_reserved_model;

/// Bounds on what a description may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DescribeLimits {
    /// Bytes of the file.
    pub bytes_max: usize,
    /// Bytes that all aliases together may expand to.
    pub alias_bytes_max: usize,
    /// Nesting of mappings and lists.
    pub depth_max: usize,
    /// Keys, values, lists and mappings in all: what keeps a file of tiny values from taking a multiple of
    /// its own size in memory.
    pub nodes_max: usize,
    /// Fields of one model: PostgreSQL's tables hold 1,600 columns, system columns included.
    pub fields_max: usize,
}

impl Default for DescribeLimits {
    fn default() -> Self {
        Self {
            bytes_max: 16 * 1024 * 1024,
            alias_bytes_max: 16 * 1024 * 1024,
            depth_max: 64,
            nodes_max: 500_000,
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
    let text = text_of(bytes, limits).map_err(|fault| vec![fault])?;
    let root = loader::load(text, limits).map_err(|fault| vec![fault])?;
    let mut reader = Reader::new(Strictness::Lenient);
    let mut file = DescribeFile::default();
    match root.as_ref().map(|root| (&root.kind, root)) {
        None | Some((NodeKind::Null, _)) => {}
        Some((NodeKind::Map(entries), _)) => read_models(entries, limits, &mut reader, &mut file),
        Some((_, root)) => {
            let message = format!("must be a mapping of models; got {}", root.describe());
            return Err(vec![loader::fault(root.place, message)]);
        }
    }
    if !reader.faults.is_empty() {
        reader.faults.sort_by_key(|finding| (finding.place.line, finding.place.column));
        return Err(reader.faults.into_iter().map(DescribeFault::from).collect());
    }
    file.warnings = reader.warnings.into_iter().map(DescribeWarning::from).collect();
    Ok(file)
}

fn text_of<'b>(bytes: &'b [u8], limits: &DescribeLimits) -> Result<&'b str, DescribeFault> {
    if bytes.len() > limits.bytes_max {
        return Err(loader::fault(Place::default(), format!("is longer than {} bytes", limits.bytes_max)));
    }
    std::str::from_utf8(bytes).map(|text| text.trim_start_matches('\u{feff}')).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let lines = before.iter().filter(|byte| **byte == b'\n').count();
        let line = u32::try_from(lines + 1).unwrap_or(u32::MAX);
        loader::fault(Place { line, column: 1 }, "is not UTF-8")
    })
}

fn read_models(entries: &[Entry], limits: &DescribeLimits, reader: &mut Reader, file: &mut DescribeFile) {
    let mut seen: HashMap<Name, u32> = HashMap::new();
    for Entry { place, key, value } in entries {
        if is_reserved_model(key) {
            file.reserved.push(key.to_string());
            continue;
        }
        reader.context = Context { model: Some(key.to_string()), field: None };
        let Some(name) = reader.name(*place, MODEL_NAME, key) else { continue };
        if let Some(line) = seen.insert(name.clone(), place.line) {
            let message = format!("model '{name}' is described twice (first in line {line})");
            reader.fault(*place, MODEL_NAME, "duplicate", message);
            continue;
        }
        file.models.push(read_model(name, value, limits, reader));
    }
}

fn read_model(name: Name, node: &Node, limits: &DescribeLimits, reader: &mut Reader) -> Model {
    let mut model = Model::new(name);
    reader.model_attributes(&mut model, node);
    let NodeKind::Map(entries) = &node.kind else { return model };
    for fields in entries.iter().filter(|entry| &*entry.key == FIELDS) {
        match &fields.value.kind {
            NodeKind::Null => {}
            NodeKind::Map(entries) => reader.fields(&mut model, entries, limits.fields_max),
            _ => {
                let message = format!("'fields' must be a mapping; got {}", fields.value.describe());
                reader.fault(fields.value.place, FIELDS, "value", message);
            }
        }
    }
    model
}

/// Writes models as a description: every attribute, in an order that depends on the models alone. Reading it
/// again gives the same models.
#[must_use]
pub fn write_describe<'a>(models: impl IntoIterator<Item = &'a Model>) -> String {
    let mut out = String::new();
    models.into_iter().for_each(|model| write::write_model(model, &mut out));
    if out.is_empty() { "{}\n".to_owned() } else { out }
}

impl From<Finding> for DescribeFault {
    fn from(finding: Finding) -> Self {
        Self {
            line: finding.place.line.into(),
            column: Some(finding.place.column.into()),
            model: finding.context.model,
            field: finding.context.field,
            message: finding.message,
        }
    }
}

impl From<Finding> for DescribeWarning {
    fn from(finding: Finding) -> Self {
        Self {
            line: finding.place.line.into(),
            model: finding.context.model,
            field: finding.context.field,
            key: finding.attribute,
            message: finding.message,
        }
    }
}
