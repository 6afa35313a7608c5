//! Columns that the records show as something else than the database hands out: instants as microseconds, JSON
//! parsed, lists of texts.

use diesel::backend::Backend;
use diesel::deserialize::{self, FromSql, Queryable};
use diesel::sql_types::Nullable;
use serde_json::Value as Json;

use crate::database::sql_types::{Document, Instant, JsonText, Micros, TextArray, TextList};

/// A column of JSON, parsed.
#[derive(Debug)]
pub struct ParsedJson(Json);

impl<DB: Backend> Queryable<Document, DB> for ParsedJson
where
    JsonText: FromSql<Document, DB>,
{
    type Row = JsonText;

    fn build(row: Self::Row) -> deserialize::Result<Self> {
        Ok(Self(serde_json::from_str(&row.0)?))
    }
}

impl From<ParsedJson> for Json {
    fn from(json: ParsedJson) -> Self {
        json.0
    }
}

/// A nullable column of JSON, parsed.
#[derive(Debug)]
pub struct OptionalJson(Option<Json>);

impl<DB: Backend> Queryable<Nullable<Document>, DB> for OptionalJson
where
    JsonText: FromSql<Document, DB>,
{
    type Row = Option<JsonText>;

    fn build(row: Self::Row) -> deserialize::Result<Self> {
        Ok(Self(row.map(|text| serde_json::from_str(&text.0)).transpose()?))
    }
}

impl From<OptionalJson> for Option<Json> {
    fn from(json: OptionalJson) -> Self {
        json.0
    }
}

/// A nullable column of a list of texts.
#[derive(Debug)]
pub struct OptionalTextList(Option<Vec<String>>);

impl<DB: Backend> Queryable<Nullable<TextArray>, DB> for OptionalTextList
where
    TextList: FromSql<TextArray, DB>,
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

/// A nullable column of an instant, in microseconds.
#[derive(Debug)]
pub struct OptionalMicros(Option<i64>);

impl<DB: Backend> Queryable<Nullable<Instant>, DB> for OptionalMicros
where
    Micros: FromSql<Instant, DB>,
{
    type Row = Option<Micros>;

    fn build(row: Self::Row) -> deserialize::Result<Self> {
        Ok(Self(row.map(i64::from)))
    }
}

impl From<OptionalMicros> for Option<i64> {
    fn from(micros: OptionalMicros) -> Self {
        micros.0
    }
}

/// JSON, as it is kept.
pub(crate) fn json_text(json: &Json) -> JsonText {
    JsonText(json.to_string())
}

/// A list, as it is kept.
pub(crate) fn text_list(list: &[String]) -> TextList {
    TextList(list.to_vec())
}
