//! What a model is: names, field types, definitions, values, records and their text forms.
//!
//! This crate is pure: it reads no file, opens no socket, asks no clock. `store` turns what it says into
//! tables, `engine` into plans, `http` into answers.
//!
//! ```
//! use std::sync::Arc;
//! use reinstate_describe::{
//!     AccessListMode, BatchBuilder, DescribeLimits, IdMode, Layout, ParseOptions, RecordParser, Value,
//!     parse_describe,
//! };
//!
//! let yaml = b"items:\n  fields:\n    price: { type: decimal, minimum: 0 }\n";
//! let file = parse_describe(yaml, &DescribeLimits::default()).expect("the description is a good one");
//! let layout = Arc::new(Layout::new(file.models[0].clone()));
//!
//! let options = ParseOptions {
//!     now_micros: 0,
//!     access_lists: AccessListMode::Keep,
//!     id: IdMode::GenerateWhereAbsent,
//! };
//! let mut parser = RecordParser::new(Arc::clone(&layout), options)?;
//! let mut builder = BatchBuilder::new(Arc::clone(&layout));
//! let ids = || "an-id".to_owned();
//! assert!(parser.parse(r#"{"id": "a", "price": 0.10}"#, 1, &ids, &mut builder).is_ok());
//! let faults = parser.parse(r#"{"id": "b", "price": -1}"#, 2, &ids, &mut builder).unwrap_err();
//! assert_eq!(faults[0].message, "Field 'price' must be at least 0; got -1");
//!
//! let batch = builder.finish();
//! let price = layout.position("price").expect("the model has the field");
//! assert_eq!(batch.value(0, price), Value::Text("0.1"));
//! # Ok::<(), reinstate_describe::ParserError>(())
//! ```

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
pub mod record_lines;
pub mod rows;
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
pub use record_lines::{Lines, LinesBuilder};
pub use rows::RowsBuilder;
pub use value::{CellValue, ValueFault};
pub use yaml::{
    DescribeFault, DescribeFile, DescribeLimits, DescribeWarning, parse_describe, write_describe,
};
