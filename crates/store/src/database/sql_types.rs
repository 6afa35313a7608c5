//! SQL types of the control plane that the two backends keep differently, seen alike from here.
//!
//! | type | SQLite | PostgreSQL |
//! | --- | --- | --- |
//! | [`Instant`] | `INTEGER`: microseconds since 1970 | `timestamptz` |
//! | [`Document`] | `TEXT`: compact JSON | `jsonb` |
//! | [`TextArray`] | `TEXT`: a JSON array | `text[]` |

use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::Pg;
use diesel::pg::data_types::PgTimestamp;
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{BigInt, HasSqlType, SqlType, Text, Timestamptz};
use diesel::sqlite::Sqlite;

use super::MultiBackend;
use crate::postgres::codec::{EPOCH_MICROS, JSONB_VERSION};

/// An instant.
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(sqlite_type(name = "Long"))]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
pub struct Instant;

/// A JSON document.
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(sqlite_type(name = "Text"))]
#[diesel(postgres_type(oid = 3802, array_oid = 3807))]
pub struct Document;

/// A list of texts.
#[derive(Debug, Clone, Copy, Default, QueryId, SqlType)]
#[diesel(sqlite_type(name = "Text"))]
#[diesel(postgres_type(oid = 1009, array_oid = 1009))]
pub struct TextArray;

macro_rules! both_backends {
    ($($sql_type:ident => $value:ident),+ $(,)?) => {$(
        impl HasSqlType<$sql_type> for MultiBackend {
            fn metadata(lookup: &mut Self::MetadataLookup) -> Self::TypeMetadata {
                Self::lookup_sql_type::<$sql_type>(lookup)
            }
        }

        impl FromSql<$sql_type, MultiBackend> for $value {
            fn from_sql(
                bytes: <MultiBackend as diesel::backend::Backend>::RawValue<'_>,
            ) -> deserialize::Result<Self> {
                bytes.from_sql::<Self, $sql_type>()
            }
        }

        impl ToSql<$sql_type, MultiBackend> for $value {
            fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, MultiBackend>) -> serialize::Result {
                out.set_value(($sql_type, self));
                Ok(IsNull::No)
            }
        }
    )+};
}

both_backends! {
    Instant => Micros,
    Document => JsonText,
    TextArray => TextList,
}

/// An instant in microseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Instant)]
pub struct Micros(pub i64);

impl From<Micros> for i64 {
    fn from(micros: Micros) -> Self {
        micros.0
    }
}

impl FromSql<Instant, Sqlite> for Micros {
    fn from_sql(bytes: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <i64 as FromSql<BigInt, Sqlite>>::from_sql(bytes).map(Self)
    }
}

impl ToSql<Instant, Sqlite> for Micros {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        <i64 as ToSql<BigInt, Sqlite>>::to_sql(&self.0, out)
    }
}

impl FromSql<Instant, Pg> for Micros {
    fn from_sql(bytes: <Pg as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let PgTimestamp(since_2000) = <PgTimestamp as FromSql<Timestamptz, Pg>>::from_sql(bytes)?;
        Ok(Self(since_2000.saturating_add(EPOCH_MICROS)))
    }
}

impl ToSql<Instant, Pg> for Micros {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        let since_2000 = PgTimestamp(self.0.saturating_sub(EPOCH_MICROS));
        <PgTimestamp as ToSql<Timestamptz, Pg>>::to_sql(&since_2000, &mut out.reborrow())
    }
}

/// The text of a JSON document.
#[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = Document)]
pub struct JsonText(pub String);

impl FromSql<Document, Sqlite> for JsonText {
    fn from_sql(bytes: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <String as FromSql<Text, Sqlite>>::from_sql(bytes).map(Self)
    }
}

impl ToSql<Document, Sqlite> for JsonText {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        <String as ToSql<Text, Sqlite>>::to_sql(&self.0, out)
    }
}

impl FromSql<Document, Pg> for JsonText {
    fn from_sql(bytes: <Pg as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        match bytes.as_bytes() {
            [JSONB_VERSION, text @ ..] => Ok(Self(std::str::from_utf8(text)?.to_owned())),
            _ => Err("a jsonb of an unknown version".into()),
        }
    }
}

impl ToSql<Document, Pg> for JsonText {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        use std::io::Write as _;
        out.write_all(&[JSONB_VERSION])?;
        out.write_all(self.0.as_bytes())?;
        Ok(IsNull::No)
    }
}

/// A list of texts.
#[derive(Debug, Clone, PartialEq, Eq, AsExpression, FromSqlRow)]
#[diesel(sql_type = TextArray)]
pub struct TextList(pub Vec<String>);

impl From<TextList> for Vec<String> {
    fn from(list: TextList) -> Self {
        list.0
    }
}

impl FromSql<TextArray, Sqlite> for TextList {
    fn from_sql(bytes: <Sqlite as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(bytes)?;
        Ok(Self(serde_json::from_str(&text)?))
    }
}

impl ToSql<TextArray, Sqlite> for TextList {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(serde_json::Value::from(self.0.as_slice()).to_string());
        Ok(IsNull::No)
    }
}

impl FromSql<TextArray, Pg> for TextList {
    fn from_sql(bytes: <Pg as diesel::backend::Backend>::RawValue<'_>) -> deserialize::Result<Self> {
        <Vec<String> as FromSql<diesel::sql_types::Array<Text>, Pg>>::from_sql(bytes).map(Self)
    }
}

impl ToSql<TextArray, Pg> for TextList {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        <Vec<String> as ToSql<diesel::sql_types::Array<Text>, Pg>>::to_sql(&self.0, out)
    }
}
