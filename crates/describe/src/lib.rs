//! What a model is: names, field types, definitions, values, records and their text forms.
//!
//! This crate is pure: it reads no file, opens no socket, asks no clock. `store` turns what it says into
//! tables, `engine` into plans, `http` into answers.

pub mod access;
pub mod batch;
pub mod catalog;
pub mod field_type;
pub mod layout;
pub mod model;
pub mod name;
pub mod system;

pub use access::{AccessLevel, Caller};
pub use batch::{Batch, Cell, RowGroup, Value};
pub use catalog::Catalog;
pub use field_type::{BaseType, ColumnType, FieldType};
pub use layout::{Column, Layout};
pub use model::{Field, Model, ModelStatus};
pub use name::{Name, NameError};
