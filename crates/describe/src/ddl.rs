//! Statements that make and unmake the tables of models, as text for a dialect.
//!
//! Nothing but checked names gets into them: rules on values live in the record parser, so no literal is ever
//! written. Internal names hold a `$`, which no name of a model or field can.

use crate::field_type::{BaseType, ColumnType};
use crate::model::{Field, Model};
use crate::name::Name;
use crate::system::{SYSTEM_COLUMNS, position};

/// The SQL that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// SQLite 3
    Sqlite,
    /// PostgreSQL 13 and newer
    Postgres,
}

/// The column of rows' internal number, in the order of insertion.
pub const SEQUENCE_COLUMN: &str = "\"$seq\"";

/// A name in double quotes. A [`Name`] holds no quote, so that nothing needs escaping.
#[must_use]
pub fn quote(name: &Name) -> String {
    format!("\"{name}\"")
}

/// Beginnings of names that a table of SQLite cannot have or must not hide: its own tables, its functions that
/// are read like tables (`json_each`, `pragma_table_info`), the notes of the migrations.
const SQLITE_TAKEN_PREFIXES: [&str; 5] = ["sqlite_", "json", "pragma_", "dbstat", "__diesel_"];

/// The quoted table of a model. Names that SQLite or its tools use themselves get a `$` in front.
#[must_use]
pub fn table_name(dialect: Dialect, model: &Name) -> String {
    let is_taken = |dialect: Dialect| match dialect {
        Dialect::Postgres => false,
        Dialect::Sqlite => SQLITE_TAKEN_PREFIXES.iter().any(|prefix| model.folded().starts_with(prefix)),
    };
    if is_taken(dialect) { format!("\"${model}\"") } else { quote(model) }
}

/// The type of a column in `CREATE TABLE`.
#[must_use]
pub const fn column_type_name(dialect: Dialect, column_type: ColumnType) -> &'static str {
    match dialect {
        Dialect::Postgres => "text",
        Dialect::Sqlite => match (column_type.base, column_type.array) {
            (BaseType::Integer | BaseType::Boolean | BaseType::Timestamp | BaseType::Date, false) => {
                "INTEGER"
            }
            _ => "TEXT",
        },
    }
}

/// Creates the table of a model, without its indexes.
#[must_use]
pub fn create_table(dialect: Dialect, model: &Model) -> String {
    let table = table_name(dialect, &model.name);
    let sequence = format!("{SEQUENCE_COLUMN} INTEGER PRIMARY KEY");
    let system = SYSTEM_COLUMNS.iter().enumerate().map(|(at, (name, column_type))| {
        let unique = if at == position::ID { " NOT NULL UNIQUE" } else { "" };
        format!("\"{name}\" {}{unique}", column_type_name(dialect, *column_type))
    });
    let fields = model.fields.values().map(|field| column_definition(dialect, field));
    let columns: Vec<String> = std::iter::once(sequence).chain(system).chain(fields).collect();
    format!("CREATE TABLE {table} ({})", columns.join(", "))
}

fn column_definition(dialect: Dialect, field: &Field) -> String {
    format!("{} {}", quote(&field.name), column_type_name(dialect, field.column_type()))
}

/// The statements for the indexes of a whole model, unique ones included.
#[must_use]
pub fn create_indexes(dialect: Dialect, model: &Model) -> Vec<String> {
    model.fields.values().filter_map(|field| create_index(dialect, &model.name, field)).collect()
}

/// Adds the column of a field, without its indexes.
#[must_use]
pub fn add_column(dialect: Dialect, model: &Name, field: &Field) -> String {
    format!("ALTER TABLE {} ADD COLUMN {}", table_name(dialect, model), column_definition(dialect, field))
}

/// The quoted name of the unique index of a field.
#[must_use]
pub fn unique_index_name(model: &Name, field: &Name) -> String {
    format!("\"$u${model}${field}\"")
}

/// The quoted name of the plain index of a field.
#[must_use]
pub fn index_name(model: &Name, field: &Name) -> String {
    format!("\"$i${model}${field}\"")
}

/// The statement for the index of a field: a unique one, else a plain one, else none.
#[must_use]
pub fn create_index(dialect: Dialect, model: &Name, field: &Field) -> Option<String> {
    let (kind, index) = match (field.unique, field.index) {
        (true, _) => ("UNIQUE INDEX", unique_index_name(model, &field.name)),
        (false, true) => ("INDEX", index_name(model, &field.name)),
        (false, false) => return None,
    };
    Some(format!("CREATE {kind} {index} ON {} ({})", table_name(dialect, model), quote(&field.name)))
}

/// Drops both indexes of a field, where they are.
#[must_use]
pub fn drop_indexes(dialect: Dialect, model: &Name, field: &Name) -> Vec<String> {
    match dialect {
        Dialect::Postgres | Dialect::Sqlite => [unique_index_name(model, field), index_name(model, field)]
            .map(|index| format!("DROP INDEX IF EXISTS {index}"))
            .into(),
    }
}

/// Drops the table of a model with its indexes.
#[must_use]
pub fn drop_table(dialect: Dialect, model: &Name) -> String {
    format!("DROP TABLE {}", table_name(dialect, model))
}

/// Drops the column of a field; its indexes must be dropped before.
#[must_use]
pub fn drop_column(dialect: Dialect, model: &Name, field: &Name) -> String {
    format!("ALTER TABLE {} DROP COLUMN {}", table_name(dialect, model), quote(field))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field_type::FieldType;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    #[test]
    fn statements_hold_quoted_names_and_nothing_of_the_rules() {
        let mut sku = Field::new(name("sku"), FieldType::Text);
        sku.unique = true;
        sku.default_value = Some("'; DROP TABLE x".into());
        let mut price = Field::new(name("Select"), FieldType::Decimal);
        price.index = true;
        let model = Model::new(name("Order")).with_field(sku.clone()).with_field(price);
        let mut statements = vec![create_table(Dialect::Sqlite, &model)];
        statements.extend(create_indexes(Dialect::Sqlite, &model));
        statements.push(add_column(Dialect::Sqlite, &model.name, &sku));
        statements.extend(drop_indexes(Dialect::Sqlite, &model.name, &sku.name));
        statements.push(drop_column(Dialect::Sqlite, &model.name, &sku.name));
        statements.push(drop_table(Dialect::Sqlite, &model.name));
        insta::assert_snapshot!(statements.join("\n"));
    }

    #[test]
    fn names_that_the_database_keeps_to_itself_are_moved_aside() {
        assert_eq!(table_name(Dialect::Sqlite, &name("SQLite_master")), "\"$SQLite_master\"");
        assert_eq!(table_name(Dialect::Sqlite, &name("order")), "\"order\"");
    }
}
