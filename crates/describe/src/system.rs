//! The columns that every model has, and the model names that belong to the platform itself.

use crate::field_type::{BaseType, ColumnType};

/// The system columns of every model with their types, in the order in which records are written.
pub const SYSTEM_COLUMNS: [(&str, ColumnType); 9] = [
    ("id", ColumnType { base: BaseType::Text, array: false }),
    ("access_read", ColumnType { base: BaseType::Text, array: true }),
    ("access_edit", ColumnType { base: BaseType::Text, array: true }),
    ("access_full", ColumnType { base: BaseType::Text, array: true }),
    ("access_deny", ColumnType { base: BaseType::Text, array: true }),
    ("created_at", ColumnType { base: BaseType::Timestamp, array: false }),
    ("updated_at", ColumnType { base: BaseType::Timestamp, array: false }),
    ("trashed_at", ColumnType { base: BaseType::Timestamp, array: false }),
    ("deleted_at", ColumnType { base: BaseType::Timestamp, array: false }),
];

/// Positions of the system columns in every [`crate::Layout`].
pub mod position {
    /// `id`
    pub const ID: usize = 0;
    /// `access_read`
    pub const ACCESS_READ: usize = 1;
    /// `access_edit`
    pub const ACCESS_EDIT: usize = 2;
    /// `access_full`
    pub const ACCESS_FULL: usize = 3;
    /// `access_deny`
    pub const ACCESS_DENY: usize = 4;
    /// `created_at`
    pub const CREATED_AT: usize = 5;
    /// `updated_at`
    pub const UPDATED_AT: usize = 6;
    /// `trashed_at`
    pub const TRASHED_AT: usize = 7;
    /// `deleted_at`
    pub const DELETED_AT: usize = 8;
    /// The first field of the model's own.
    pub const FIELDS: usize = 9;
}

/// Models that hold the platform's own bookkeeping; a tenant cannot define them and a restore skips them.
pub const RESERVED_MODELS: [&str; 8] = [
    "models",
    "fields",
    "restores",
    "restore_runs",
    "restore_logs",
    "extracts",
    "extract_runs",
    "extract_artifacts",
];

/// Whether `name` is a system column, compared without case.
#[must_use]
pub fn is_system_column(name: &str) -> bool {
    SYSTEM_COLUMNS.iter().any(|(column, _)| column.eq_ignore_ascii_case(name))
}

/// Whether `name` is a reserved model, compared without case.
#[must_use]
pub fn is_reserved_model(name: &str) -> bool {
    RESERVED_MODELS.iter().any(|model| model.eq_ignore_ascii_case(name))
}
