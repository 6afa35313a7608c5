//! Everything of a tenant as the API tells it, to be compared and to be made an archive of.

use std::collections::{BTreeMap, HashSet};

use reinstate_describe::value::is_same_json;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value as Json, json};

use crate::harness::{Answer, Backend, Session, TestServer, archive_of};

/// Records read at once.
const PAGE_RECORDS: usize = 10_000;

/// A record: the texts of its values by their names, so that no digit of a number is lost in the comparison.
pub(super) type RecordTexts = BTreeMap<String, String>;

/// All definitions and all records.
#[derive(Debug)]
pub(super) struct TenantCopy {
    models: Vec<(Json, Vec<RecordTexts>)>,
}

impl TenantCopy {
    /// Reads the whole tenant, what is in the trash included.
    pub(super) async fn read(session: &Session) -> Self {
        let names = session.get("/api/describe").await;
        let mut models = Vec::new();
        for name in names.records() {
            let name = name.as_str().unwrap();
            let definition = session.get(&format!("/api/describe/{name}")).await;
            assert_eq!(definition.status, 200, "{}", definition.text);
            models.push((definition.data().clone(), all_records(session, name).await));
        }
        Self { models }
    }

    /// An archive that holds all of it.
    pub(super) fn archive(&self) -> Vec<u8> {
        let files: Vec<(&str, Vec<String>)> = self
            .models
            .iter()
            .map(|(definition, records)| (name_of(definition), records.iter().map(record_line).collect()))
            .collect();
        // JSON is YAML, and text put together keeps the order of the fields.
        let described: Vec<String> =
            self.models.iter().map(|(definition, _)| described(definition)).collect();
        archive_of(&format!("{{{}}}\n", described.join(",")), &files)
    }

    /// Puts it in the place of what a tenant of a new server has; answers the server and what is there then.
    pub(super) async fn moved_to(&self, backend: Backend) -> (TestServer, Self) {
        let server = TestServer::start(backend).await;
        let session = server.session("alpha", "root");
        self.replace(&session).await;
        let copy = Self::read(&session).await;
        (server, copy)
    }

    /// Puts it in the place of what the tenant has.
    pub(super) async fn replace(&self, session: &Session) {
        let run = session.restore(self.archive(), "replace").await;
        assert_eq!(run["status"], json!("completed"), "{run}");
        assert_eq!(run["records_imported"], json!(self.records().count()), "{run}");
    }

    pub(super) fn records(&self) -> impl Iterator<Item = &RecordTexts> {
        self.models.iter().flat_map(|(_, records)| records)
    }

    /// Fails on the first difference: definitions as values, records in their order, values by their texts but
    /// for JSON, which has more than one spelling.
    pub(super) fn assert_same(&self, other: &Self) {
        let definitions = |copy: &Self| copy.models.iter().map(|model| model.0.clone()).collect::<Vec<_>>();
        assert_eq!(definitions(self), definitions(other));
        for ((definition, left), (_, right)) in self.models.iter().zip(&other.models) {
            assert_same_records(name_of(definition), &json_fields(definition), left, right);
        }
    }
}

/// Fails on the first difference of two lists of records of the model; `json` names the fields that hold JSON.
pub(super) fn assert_same_records(
    about: &str,
    json: &HashSet<String>,
    left: &[RecordTexts],
    right: &[RecordTexts],
) {
    let ids =
        |records: &[RecordTexts]| records.iter().map(|record| record.get("id").cloned()).collect::<Vec<_>>();
    assert_eq!(ids(left), ids(right), "{about}");
    for (left, right) in left.iter().zip(right) {
        assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>(), "{about}");
        for ((name, left_value), right_value) in left.iter().zip(right.values()) {
            let is_same = if json.contains(name) {
                is_same_json(left_value, right_value)
            } else {
                left_value == right_value
            };
            assert!(is_same, "{about}: {name} of {:?}: {left_value} and {right_value}", left.get("id"));
        }
    }
}

/// A list as it was answered. Its numbers may be too great for `serde_json`'s own values.
#[derive(Debug)]
pub(super) struct ListTexts {
    pub(super) records: Vec<RecordTexts>,
    pub(super) page: Json,
}

impl ListTexts {
    /// Reads an answer, which must be a list.
    pub(super) fn of(answer: &Answer) -> Self {
        #[derive(Deserialize)]
        struct List {
            data: Vec<BTreeMap<String, Box<RawValue>>>,
            page: Json,
        }
        assert_eq!(answer.status, 200, "{}", answer.text);
        let list: List = serde_json::from_str(&answer.text).unwrap();
        let texts = |record: BTreeMap<String, Box<RawValue>>| {
            record.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect()
        };
        Self { records: list.data.into_iter().map(texts).collect(), page: list.page }
    }
}

/// The fields of a definition whose values are JSON or arrays of it.
pub(super) fn json_fields(definition: &Json) -> HashSet<String> {
    let fields = definition["fields"].as_array().unwrap().iter();
    let is_json = |field: &&Json| matches!(field["type"].as_str(), Some("json" | "jsonb"));
    fields.filter(is_json).map(|field| field["field_name"].as_str().unwrap().to_owned()).collect()
}

async fn all_records(session: &Session, model: &str) -> Vec<RecordTexts> {
    let mut records = Vec::new();
    loop {
        let path = format!(
            "/api/data/{model}?trashed=include&order=id&limit={PAGE_RECORDS}&offset={}",
            records.len()
        );
        let list = ListTexts::of(&session.get(&path).await);
        records.extend(list.records);
        if list.page["has_more"] == json!(false) {
            return records;
        }
    }
}

fn name_of(definition: &Json) -> &str {
    definition["model_name"].as_str().unwrap()
}

fn described(definition: &Json) -> String {
    let fields = definition["fields"].as_array().unwrap().iter();
    let fields: Vec<String> = fields
        .map(|field| format!("{}:{}", field["field_name"], without(field, &["field_name", "model_name"])))
        .collect();
    let mut head = without(definition, &["model_name", "fields"]).to_string();
    head.truncate(head.len() - 1);
    let comma = if head.len() > 1 { "," } else { "" };
    format!("{}:{head}{comma}\"fields\":{{{}}}}}", definition["model_name"], fields.join(","))
}

fn without(object: &Json, keys: &[&str]) -> Json {
    let mut object = object.clone();
    for key in keys {
        object.as_object_mut().unwrap().remove(*key);
    }
    object
}

fn record_line(record: &RecordTexts) -> String {
    let values: Vec<String> = record.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", values.join(","))
}
