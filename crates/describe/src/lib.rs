//! What a model is: names, field types, definitions, values, records and their text forms.
//!
//! This crate is pure: it reads no file, opens no socket, asks no clock. `store` turns what it says into
//! tables, `engine` into plans, `http` into answers.

pub mod access;
pub mod batch;
pub mod catalog;
pub mod ddl;
pub mod definition;
pub mod difference;
pub mod field_type;
pub mod filter;
pub mod layout;
pub mod model;
pub mod name;
pub mod pattern;
pub mod record;
pub mod record_json;
pub mod system;
pub mod value;
pub mod yaml;

pub use access::{AccessLevel, Caller};
pub use batch::{Batch, Cell, RowGroup, Value};
pub use catalog::Catalog;
pub use difference::{Difference, ModelDifference, TypeConflict, difference};
pub use field_type::{BaseType, ColumnType, FieldType};
pub use filter::{Filter, FilterFault, ListQuery, Order, Trashed};
pub use layout::{Column, Layout};
pub use model::{Field, Model, ModelStatus};
pub use name::{Name, NameError};
pub use record::{
    AccessListMode, BatchBuilder, FaultCode, IdMode, ParseOptions, Parsed, ParserError, RecordFault,
    RecordParser,
};
pub use value::{CellValue, ValueFault};
pub use yaml::{
    DescribeFault, DescribeFile, DescribeLimits, DescribeWarning, parse_describe, write_describe,
};
