//! JSON kept as compact text in a column.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, FromSqlRow, Queryable};
use diesel::sql_types::{Nullable, Text};
use serde_json::Value as Json;

/// A column of JSON text, read back as JSON.
#[derive(Debug, FromSqlRow)]
pub struct JsonText(Json);

impl<DB: Backend> FromSql<Text, DB> for JsonText
where
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let text = String::from_sql(bytes)?;
        Ok(Self(serde_json::from_str(&text)?))
    }
}

impl From<JsonText> for Json {
    fn from(text: JsonText) -> Self {
        text.0
    }
}

/// A column of a JSON array of texts.
#[derive(Debug, FromSqlRow)]
pub struct TextList(Vec<String>);

impl<DB: Backend> FromSql<Text, DB> for TextList
where
    String: FromSql<Text, DB>,
{
    fn from_sql(bytes: DB::RawValue<'_>) -> deserialize::Result<Self> {
        let text = String::from_sql(bytes)?;
        Ok(Self(serde_json::from_str(&text)?))
    }
}

impl From<TextList> for Vec<String> {
    fn from(list: TextList) -> Self {
        list.0
    }
}

/// A nullable column of a JSON array of texts.
#[derive(Debug)]
pub struct OptionalTextList(Option<Vec<String>>);

impl<DB: Backend> Queryable<Nullable<Text>, DB> for OptionalTextList
where
    String: FromSql<Text, DB>,
{
    type Row = Option<TextList>;

    fn build(row: Self::Row) -> deserialize::Result<Self> {
        Ok(Self(row.map(Vec::from)))
    }
}

impl From<OptionalTextList> for Option<Vec<String>> {
    fn from(list: OptionalTextList) -> Self {
        list.0
    }
}

/// A nullable column of JSON text.
#[derive(Debug)]
pub struct OptionalJson(Option<Json>);

impl<DB: Backend> Queryable<Nullable<Text>, DB> for OptionalJson
where
    String: FromSql<Text, DB>,
{
    type Row = Option<JsonText>;

    fn build(row: Self::Row) -> deserialize::Result<Self> {
        Ok(Self(row.map(Json::from)))
    }
}

impl From<OptionalJson> for Option<Json> {
    fn from(json: OptionalJson) -> Self {
        json.0
    }
}

/// The text of a list, as it is kept.
pub(crate) fn list_text(list: &[String]) -> String {
    Json::from(list).to_string()
}
