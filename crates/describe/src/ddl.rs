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

/// Which of a model's tables is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The one that everybody reads.
    Live,
    /// One that is being filled beside it, to take its place. Its indexes have names of their own, because
    /// PostgreSQL has one namespace for all indexes of a schema.
    Fresh,
}

/// The column of rows' internal number, in the order of insertion; tables of SQLite's have it.
pub const SEQUENCE_COLUMN: &str = "\"$seq\"";

/// A name in double quotes. A [`Name`] holds no quote, so that nothing needs escaping.
#[must_use]
pub fn quote(name: &Name) -> String {
    format!("\"{name}\"")
}

/// Beginnings of names that a table of SQLite cannot have or must not hide: its own tables, its functions that
/// are read like tables (`json_each`, `pragma_table_info`), the notes of the migrations.
const SQLITE_TAKEN_PREFIXES: [&str; 5] = ["sqlite_", "json", "pragma_", "dbstat", "__diesel_"];

/// Beginnings of names that a table of PostgreSQL must not have: the notes of the migrations.
const POSTGRES_TAKEN_PREFIXES: [&str; 1] = ["__diesel_"];

/// Columns that every table of PostgreSQL has already.
const POSTGRES_TAKEN_COLUMNS: [&str; 6] = ["tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"];

/// The quoted table of a model. Names that the database or its tools use themselves get a `$` in front.
#[must_use]
pub fn table_name(dialect: Dialect, model: &Name) -> String {
    let taken: &[&str] = match dialect {
        Dialect::Sqlite => &SQLITE_TAKEN_PREFIXES,
        Dialect::Postgres => &POSTGRES_TAKEN_PREFIXES,
    };
    let is_taken = taken.iter().any(|prefix| model.folded().starts_with(prefix));
    match (is_taken, dialect) {
        (false, _) => quote(model),
        (true, Dialect::Sqlite) => format!("\"${model}\""),
        // A name of full length has no room for another character.
        (true, Dialect::Postgres) => format!("\"{}\"", fitted("$", &[model])),
    }
}

/// The quoted table of a model at a stage.
#[must_use]
pub fn table_name_at(dialect: Dialect, model: &Name, stage: Stage) -> String {
    match stage {
        Stage::Live => table_name(dialect, model),
        Stage::Fresh => format!("\"{}\"", fitted("$t$", &[model])),
    }
}

/// The quoted column of a field or of a system column. Every statement that names one goes through here: names
/// that the database gives to columns of its own get a `$` in front.
#[must_use]
pub fn column_name(dialect: Dialect, name: &Name) -> String {
    let is_taken = dialect == Dialect::Postgres && POSTGRES_TAKEN_COLUMNS.contains(&name.folded().as_str());
    if is_taken { format!("\"${name}\"") } else { quote(name) }
}

/// Columns that a table has at most. SQLite: as it is built by default. PostgreSQL: fixed; columns that were dropped
/// count as well.
#[must_use]
pub const fn columns_max(dialect: Dialect) -> usize {
    match dialect {
        Dialect::Sqlite => 2_000,
        Dialect::Postgres => 1_600,
    }
}

/// The type of a column in `CREATE TABLE`. PostgreSQL's are spelled with their schema: a tenant's model may be
/// called like one, and the type of its rows would be found first. Text is compared byte by byte, as SQLite does.
#[must_use]
pub const fn column_type_name(dialect: Dialect, column_type: ColumnType) -> &'static str {
    match (dialect, column_type.base, column_type.array) {
        (
            Dialect::Sqlite,
            BaseType::Integer | BaseType::Boolean | BaseType::Timestamp | BaseType::Date,
            false,
        ) => "INTEGER",
        (Dialect::Sqlite, _, _) => "TEXT",
        (Dialect::Postgres, BaseType::Text, false) => "pg_catalog.text COLLATE pg_catalog.\"C\"",
        (Dialect::Postgres, BaseType::Text, true) => "pg_catalog.text[] COLLATE pg_catalog.\"C\"",
        (Dialect::Postgres, BaseType::Integer, false) => "pg_catalog.int8",
        (Dialect::Postgres, BaseType::Integer, true) => "pg_catalog.int8[]",
        (Dialect::Postgres, BaseType::Decimal, false) => "pg_catalog.numeric",
        (Dialect::Postgres, BaseType::Decimal, true) => "pg_catalog.numeric[]",
        (Dialect::Postgres, BaseType::Boolean, false) => "pg_catalog.bool",
        (Dialect::Postgres, BaseType::Boolean, true) => "pg_catalog.bool[]",
        (Dialect::Postgres, BaseType::Timestamp, false) => "pg_catalog.timestamptz",
        (Dialect::Postgres, BaseType::Timestamp, true) => "pg_catalog.timestamptz[]",
        (Dialect::Postgres, BaseType::Date, false) => "pg_catalog.date",
        (Dialect::Postgres, BaseType::Date, true) => "pg_catalog.date[]",
        (Dialect::Postgres, BaseType::Uuid, false) => "pg_catalog.uuid",
        (Dialect::Postgres, BaseType::Uuid, true) => "pg_catalog.uuid[]",
        (Dialect::Postgres, BaseType::Json, false) => "pg_catalog.jsonb",
        (Dialect::Postgres, BaseType::Json, true) => "pg_catalog.jsonb[]",
    }
}

/// Creates the table of a model, without its indexes; the key is in it on PostgreSQL and an index on SQLite.
#[must_use]
pub fn create_table(dialect: Dialect, model: &Model) -> String {
    create_table_at(dialect, model, Stage::Live)
}

/// [`create_table`] at a stage.
#[must_use]
pub fn create_table_at(dialect: Dialect, model: &Model, stage: Stage) -> String {
    table_definition(dialect, model, stage, true)
}

/// The table of a model at a stage without its key, which [`add_key_at`] adds when the table is filled. For
/// PostgreSQL.
#[must_use]
pub fn create_table_without_key_at(model: &Model, stage: Stage) -> String {
    table_definition(Dialect::Postgres, model, stage, false)
}

/// Makes the index that is the key of a table of SQLite's.
#[must_use]
pub fn create_key_index(model: &Name) -> String {
    let (table, key) = (table_name(Dialect::Sqlite, model), key_index_name(model));
    format!("CREATE UNIQUE INDEX {key} ON {table} (\"id\")")
}

/// The quoted name of the index that is the key of a table of SQLite's. Tables that were made by earlier versions have
/// their key in them, and no such index.
#[must_use]
pub fn key_index_name(model: &Name) -> String {
    at_stage(&fitted("$k$", &[model]), Stage::Live)
}

/// Adds the key to a table that was made without. For PostgreSQL.
#[must_use]
pub fn add_key_at(model: &Name, stage: Stage) -> String {
    let (table, key) = (table_name_at(Dialect::Postgres, model, stage), key_name_at(model, stage));
    format!("ALTER TABLE {table} ADD CONSTRAINT {key} PRIMARY KEY (\"id\")")
}

fn table_definition(dialect: Dialect, model: &Model, stage: Stage, has_key: bool) -> String {
    let table = table_name_at(dialect, &model.name, stage);
    let sequence = match dialect {
        Dialect::Sqlite => Some(format!("{SEQUENCE_COLUMN} INTEGER PRIMARY KEY")),
        Dialect::Postgres => None,
    };
    let system = SYSTEM_COLUMNS.iter().enumerate().map(|(at, (name, column_type))| {
        let key = match (at == position::ID, dialect) {
            (false, _) => String::new(),
            // An index of its own, so that it can be made when the table is filled.
            (true, Dialect::Sqlite) => " NOT NULL".to_owned(),
            (true, Dialect::Postgres) if !has_key => " NOT NULL".to_owned(),
            (true, Dialect::Postgres) => {
                format!(" NOT NULL CONSTRAINT {} PRIMARY KEY", key_name_at(&model.name, stage))
            }
        };
        format!("\"{name}\" {}{key}", column_type_name(dialect, *column_type))
    });
    let fields = model.fields.values().map(|field| column_definition(dialect, field));
    let columns: Vec<String> = sequence.into_iter().chain(system).chain(fields).collect();
    format!("CREATE TABLE {table} ({})", columns.join(", "))
}

fn column_definition(dialect: Dialect, field: &Field) -> String {
    format!("{} {}", column_name(dialect, &field.name), column_type_name(dialect, field.column_type()))
}

/// The statements for the indexes of a whole model: on SQLite the key first, then those of fields, unique ones
/// included.
#[must_use]
pub fn create_indexes(dialect: Dialect, model: &Model) -> Vec<String> {
    create_indexes_at(dialect, model, Stage::Live)
}

/// [`create_indexes`] at a stage.
#[must_use]
pub fn create_indexes_at(dialect: Dialect, model: &Model, stage: Stage) -> Vec<String> {
    let key = (dialect == Dialect::Sqlite).then(|| create_key_index(&model.name));
    let of_field = |field: &Field| create_index_at(dialect, &model.name, field, stage);
    key.into_iter().chain(model.fields.values().filter_map(of_field)).collect()
}

/// Adds the column of a field, without its indexes.
#[must_use]
pub fn add_column(dialect: Dialect, model: &Name, field: &Field) -> String {
    add_column_at(dialect, model, field, Stage::Live)
}

/// [`add_column`] at a stage.
#[must_use]
pub fn add_column_at(dialect: Dialect, model: &Name, field: &Field, stage: Stage) -> String {
    let table = table_name_at(dialect, model, stage);
    format!("ALTER TABLE {table} ADD COLUMN {}", column_definition(dialect, field))
}

/// Longest name of anything in PostgreSQL, in bytes, less what a stage puts in front; SQLite knows no limit.
const NAME_BYTES_MAX: usize = 63 - FRESH_PREFIX.len();

/// What the names of a fresh table's indexes begin with.
const FRESH_PREFIX: &str = "$n";

/// A name made of others in lower case, so that it is the same however they are spelled. It is cut where it would
/// be too long: then a hash tells it apart, after a `$` that keeps it off the names that fit.
fn fitted(prefix: &str, names: &[&Name]) -> String {
    let joined = names.iter().map(|name| name.folded()).collect::<Vec<_>>().join("$");
    let plain = format!("{prefix}{joined}");
    if plain.len() <= NAME_BYTES_MAX {
        return plain;
    }
    let mut name = format!("{prefix}${:032x}$", fnv_1a(&joined));
    // Names are ASCII: every place is the edge of a character.
    name.extend(joined.chars().take(NAME_BYTES_MAX.saturating_sub(name.len())));
    name
}

/// The 128-bit FNV-1a hash of a text (Fowler, Noll, Vo): stable from build to build.
fn fnv_1a(text: &str) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME))
}

fn at_stage(name: &str, stage: Stage) -> String {
    match stage {
        Stage::Live => format!("\"{name}\""),
        Stage::Fresh => format!("\"{FRESH_PREFIX}{name}\""),
    }
}

/// The quoted name of the key of a table of PostgreSQL's.
fn key_name_at(model: &Name, stage: Stage) -> String {
    at_stage(&fitted("$p$", &[model]), stage)
}

fn unique_index_name_at(model: &Name, field: &Name, stage: Stage) -> String {
    at_stage(&fitted("$u$", &[model, field]), stage)
}

fn index_name_at(model: &Name, field: &Name, stage: Stage) -> String {
    at_stage(&fitted("$i$", &[model, field]), stage)
}

/// The quoted name of the unique index of a field.
#[must_use]
pub fn unique_index_name(model: &Name, field: &Name) -> String {
    unique_index_name_at(model, field, Stage::Live)
}

/// The quoted name of the plain index of a field.
#[must_use]
pub fn index_name(model: &Name, field: &Name) -> String {
    index_name_at(model, field, Stage::Live)
}

/// The field of a model whose unique index has a name (not quoted), at whatever stage.
#[must_use]
pub fn field_of_unique_index<'a>(model: &'a Model, index: &str) -> Option<&'a Name> {
    let live = index.strip_prefix(FRESH_PREFIX).unwrap_or(index);
    let mut fields = model.fields.values().filter(|field| field.unique).map(|field| &field.name);
    fields.find(|field| fitted("$u$", &[&model.name, field]) == live)
}

/// The statement for the index of a field: a unique one, else a plain one, else none.
#[must_use]
pub fn create_index(dialect: Dialect, model: &Name, field: &Field) -> Option<String> {
    create_index_at(dialect, model, field, Stage::Live)
}

/// [`create_index`] at a stage.
#[must_use]
pub fn create_index_at(dialect: Dialect, model: &Name, field: &Field, stage: Stage) -> Option<String> {
    let (kind, index) = match (field.unique, field.index) {
        (true, _) => ("UNIQUE INDEX", unique_index_name_at(model, &field.name, stage)),
        (false, true) => ("INDEX", index_name_at(model, &field.name, stage)),
        (false, false) => return None,
    };
    let (table, column) = (table_name_at(dialect, model, stage), column_name(dialect, &field.name));
    Some(format!("CREATE {kind} {index} ON {table} ({column})"))
}

/// Drops both indexes of a field, where they are.
#[must_use]
pub fn drop_indexes(_dialect: Dialect, model: &Name, field: &Name) -> Vec<String> {
    [unique_index_name(model, field), index_name(model, field)]
        .map(|index| format!("DROP INDEX IF EXISTS {index}"))
        .into()
}

/// Drops the table of a model with its indexes.
#[must_use]
pub fn drop_table(dialect: Dialect, model: &Name) -> String {
    format!("DROP TABLE {}", table_name(dialect, model))
}

/// Drops the column of a field; its indexes must be dropped before.
#[must_use]
pub fn drop_column(dialect: Dialect, model: &Name, field: &Name) -> String {
    format!("ALTER TABLE {} DROP COLUMN {}", table_name(dialect, model), column_name(dialect, field))
}

/// Puts a model's fresh table in the place of its live one, which goes with its records. For PostgreSQL; `model`
/// is the model as the fresh table was made for it.
#[must_use]
pub fn publish_fresh(model: &Model) -> Vec<String> {
    let (dialect, name) = (Dialect::Postgres, &model.name);
    let fresh = table_name_at(dialect, name, Stage::Fresh);
    let rename = |name_at: &dyn Fn(Stage) -> String| {
        format!("ALTER INDEX {} RENAME TO {}", name_at(Stage::Fresh), name_at(Stage::Live))
    };
    let mut statements = vec![
        drop_table(dialect, name),
        format!("ALTER TABLE {fresh} RENAME TO {}", table_name(dialect, name)),
        rename(&|stage| key_name_at(name, stage)),
    ];
    for field in model.fields.values() {
        if field.unique {
            statements.push(rename(&|stage| unique_index_name_at(name, &field.name, stage)));
        } else if field.index {
            statements.push(rename(&|stage| index_name_at(name, &field.name, stage)));
        }
    }
    statements
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
    fn statements_for_postgres_hold_quoted_names_and_types_with_their_schema() {
        let mut sku = Field::new(name("sku"), FieldType::Text);
        sku.unique = true;
        let mut taken = Field::new(name("XMIN"), FieldType::DecimalArray);
        taken.index = true;
        let model = Model::new(name("Order")).with_field(sku.clone()).with_field(taken);
        let mut statements = vec![create_table(Dialect::Postgres, &model)];
        statements.extend(create_indexes(Dialect::Postgres, &model));
        statements.push(create_table_at(Dialect::Postgres, &model, Stage::Fresh));
        statements.extend(create_indexes_at(Dialect::Postgres, &model, Stage::Fresh));
        statements.push(create_table_without_key_at(&model, Stage::Fresh));
        statements.push(add_key_at(&model.name, Stage::Fresh));
        statements.extend(publish_fresh(&model));
        statements.push(add_column(Dialect::Postgres, &model.name, &sku));
        statements.extend(drop_indexes(Dialect::Postgres, &model.name, &sku.name));
        statements.push(drop_column(Dialect::Postgres, &model.name, &sku.name));
        insta::assert_snapshot!(statements.join("\n"));
    }

    #[test]
    fn long_names_of_indexes_are_cut_and_stay_apart() {
        let model = Model::new(name(&"m".repeat(63)));
        let (one, other) = (name(&format!("{}a", "f".repeat(62))), name(&format!("{}b", "f".repeat(62))));
        let (first, second) = (unique_index_name(&model.name, &one), unique_index_name(&model.name, &other));
        assert_ne!(first, second);
        assert!(
            first.len() <= 63 + 2 && table_name_at(Dialect::Postgres, &model.name, Stage::Fresh).len() <= 65
        );
        let mut field = Field::new(one.clone(), FieldType::Text);
        field.unique = true;
        let model = model.with_field(field);
        let fresh = unique_index_name_at(&model.name, &one, Stage::Fresh);
        assert_eq!(field_of_unique_index(&model, fresh.trim_matches('"')), Some(&one));
        assert_eq!(field_of_unique_index(&model, first.trim_matches('"')), Some(&one));
    }

    #[test]
    fn names_that_the_database_keeps_to_itself_are_moved_aside() {
        assert_eq!(table_name(Dialect::Sqlite, &name("SQLite_master")), "\"$SQLite_master\"");
        assert_eq!(table_name(Dialect::Sqlite, &name("order")), "\"order\"");
        assert_eq!(table_name(Dialect::Postgres, &name("__Diesel_x")), "\"$__diesel_x\"");
        assert_eq!(table_name(Dialect::Postgres, &name("sqlite_master")), "\"sqlite_master\"");
        assert_eq!(column_name(Dialect::Postgres, &name("ctid")), "\"$ctid\"");
        assert_eq!(column_name(Dialect::Sqlite, &name("ctid")), "\"ctid\"");
        assert_eq!(column_name(Dialect::Postgres, &name("oid")), "\"oid\"");
    }

    #[test]
    fn names_of_full_length_that_are_moved_aside_fit_and_stay_apart() {
        let long = |last: char| name(&format!("__diesel_{}{last}", "m".repeat(53)));
        let (one, other) =
            (table_name(Dialect::Postgres, &long('a')), table_name(Dialect::Postgres, &long('b')));
        assert_ne!(one, other);
        assert!(one.len() <= 63 + 2 && other.len() <= 63 + 2);
    }

    #[test]
    fn a_cut_name_is_never_one_that_fits() {
        let (model, field) = (name(&"m".repeat(63)), name("f"));
        let cut = unique_index_name(&model, &field);
        let mut parts =
            cut.trim_matches('"').trim_start_matches("$u$").split('$').filter(|part| !part.is_empty());
        let (hash, shown) = (parts.next().unwrap(), parts.next().unwrap());
        // A hash that begins with a letter is the name of a model as well.
        assert_ne!(format!("\"$u${hash}${shown}\""), cut);
    }

    #[test]
    fn indexes_have_the_same_names_however_their_fields_are_spelled() {
        let (spelled, other) = (name("Order"), name("ORDER"));
        assert_eq!(unique_index_name(&spelled, &name("Sku")), unique_index_name(&other, &name("sKU")));
        assert_eq!(index_name(&spelled, &name("Sku")), index_name(&other, &name("sKU")));
    }
}
