//! Records: a line of JSON becomes a typed, checked row of a batch.

mod builder;
mod fault;
mod ids;
mod parser;
mod rules;

pub use builder::{BATCH_BYTES_MAX, BATCH_ROWS_MAX, BatchBuilder};
pub use fault::{FaultCode, RecordFault};
pub use parser::{
    AccessListMode, ID_CHARS_MAX, IdMode, ParseOptions, Parsed, ParserError, RecordParser, check_id,
};
