//! Records: a line of JSON becomes a typed, checked row of a batch.

mod builder;
mod fault;
mod ids;
mod options;
mod parser;
mod plan;
mod quick;
mod rules;
mod scanner;

pub use builder::{BATCH_BYTES_MAX, BATCH_ROWS_MAX, BatchBuilder};
pub use fault::{FaultCode, RecordFault};
pub use options::{AccessListMode, IdMode, ParseOptions, Parsed, ParserError};
pub use parser::{ID_CHARS_MAX, RecordParser, check_id};
