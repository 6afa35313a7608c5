//! A model seen as a row of columns: the system columns first, then the fields in their order.

use indexmap::IndexMap;

use crate::field_type::ColumnType;
use crate::model::{Field, Model};
use crate::name::Name;
use crate::system::{SYSTEM_COLUMNS, position};

/// A column of a model's table.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// The column's name.
    pub name: Name,
    /// How its values are kept.
    pub column_type: ColumnType,
    /// The field behind it; `None` for a system column.
    pub field: Option<Field>,
}

/// The columns of a model in the order of its cells. Positions are those of [`crate::system::position`] for
/// the system columns, then the fields.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    model: Model,
    columns: IndexMap<Name, Column>,
}

impl Layout {
    /// The layout of `model`.
    #[must_use]
    pub fn new(model: Model) -> Self {
        let system = SYSTEM_COLUMNS.iter().filter_map(|(name, column_type)| {
            let name = Name::new(name).ok()?;
            Some((name.clone(), Column { name, column_type: *column_type, field: None }))
        });
        let fields = model.fields.values().map(|field| {
            let column = Column {
                name: field.name.clone(),
                column_type: field.column_type(),
                field: Some(field.clone()),
            };
            (field.name.clone(), column)
        });
        let columns = system.chain(fields).collect();
        Self { model, columns }
    }

    /// The model behind the layout.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The columns in order.
    pub fn columns(&self) -> impl ExactSizeIterator<Item = &Column> {
        self.columns.values()
    }

    /// The column at a position.
    #[must_use]
    pub fn column(&self, index: usize) -> Option<&Column> {
        self.columns.get_index(index).map(|(_, column)| column)
    }

    /// The position of a column by its exact name or, failing that, by its name without case.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.columns.get_index_of(&Name::new(name).ok()?)
    }

    /// How many columns there are, system columns included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.len()
    }

    /// Never true: every model has the system columns.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.columns.is_empty()
    }

    /// The positions of the fields, system columns left out.
    #[must_use]
    pub fn field_positions(&self) -> std::ops::Range<usize> {
        position::FIELDS..self.columns.len()
    }
}
