//! Values of a column's type as parameters of a statement, in the server's binary form.

use std::io::Write as _;

use diesel::QueryResult;
use diesel::pg::{Pg, PgTypeMetadata};
use diesel::query_builder::{AstPass, QueryId};
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{HasSqlType, SqlType, is_nullable};
use reinstate_describe::{BaseType, CellValue, ColumnType};

use super::codec::{self, BASE_TYPES, array_oid, element_oid};

/// The SQL type with the number `OID`.
#[derive(Debug, Clone, Copy, Default)]
struct OfOid<const OID: u32>;

impl<const OID: u32> SqlType for OfOid<OID> {
    type IsNull = is_nullable::NotNull;
}

impl<const OID: u32> QueryId for OfOid<OID> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<const OID: u32> HasSqlType<OfOid<OID>> for Pg {
    fn metadata(_lookup: &mut Self::MetadataLookup) -> PgTypeMetadata {
        // The second number is the array's type, which is asked for only where diesel makes arrays of it.
        PgTypeMetadata::new(OID, 0)
    }
}

impl<const OID: u32> ToSql<OfOid<OID>, Pg> for CellValue {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let mut field = Vec::new();
        codec::encode(column_type(OID), self.as_value(), &mut field)?;
        // A parameter's length travels beside it; a null never gets here.
        out.write_all(field.get(LENGTH_BYTES..).unwrap_or_default())?;
        Ok(IsNull::No)
    }
}

/// Bytes of the length in front of a field.
const LENGTH_BYTES: usize = 4;

/// The column type that PostgreSQL knows by a number; text where it is none of ours.
fn column_type(oid: u32) -> ColumnType {
    let types = BASE_TYPES.into_iter().flat_map(|base| [(base, false), (base, true)]);
    let found = types.map(|(base, array)| ColumnType { base, array }).find(|known| oid_of(*known) == oid);
    found.unwrap_or(ColumnType { base: BaseType::Text, array: false })
}

const fn oid_of(column_type: ColumnType) -> u32 {
    if column_type.array { array_oid(column_type.base) } else { element_oid(column_type.base) }
}

macro_rules! push_by_type {
    ($column_type:expr, $value:expr, $pass:expr; $($base:ident),+) => {
        match ($column_type.base, $column_type.array) {$(
            (BaseType::$base, false) => {
                $pass.push_bind_param::<OfOid<{ element_oid(BaseType::$base) }>, CellValue>($value)
            }
            (BaseType::$base, true) => {
                $pass.push_bind_param::<OfOid<{ array_oid(BaseType::$base) }>, CellValue>($value)
            }
        )+}
    };
}

/// Adds a place for a cell of a column's type.
pub(crate) fn push_typed<'b>(
    column_type: ColumnType,
    value: &'b CellValue,
    pass: &mut AstPass<'_, 'b, Pg>,
) -> QueryResult<()> {
    push_by_type!(column_type, value, pass; Text, Integer, Decimal, Boolean, Timestamp, Date, Uuid, Json)
}
