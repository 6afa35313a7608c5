//! The JSON Schema of `manifest.json`, held against the reader: it lists what the reader knows, and both answer
//! alike.

use std::collections::BTreeSet;
use std::io::Read;

use boon::{Compiler, SchemaIndex, Schemas};
use reinstate_archive::{Artifact, Manifest};
use serde_json::{Value as Json, json};

use crate::samples::sample_paths;
use crate::written::sample;

const TEXT: &str = include_str!("../../../../docs/schemas/manifest.schema.json");
const PLACE: &str = "urn:reinstate:schema:manifest:1";

struct Schema {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Schema {
    fn new() -> Self {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource(PLACE, serde_json::from_str(TEXT).unwrap()).unwrap();
        let index = compiler.compile(PLACE, &mut schemas).unwrap();
        Self { schemas, index }
    }

    /// What is wrong with a manifest.
    fn check(&self, manifest: &Json) -> Result<(), String> {
        self.schemas.validate(manifest, self.index).map_err(|error| format!("{error:#}"))
    }
}

fn keys(object: &Json) -> BTreeSet<String> {
    object.as_object().unwrap().keys().cloned().collect()
}

fn is_read(manifest: &Json) -> bool {
    Manifest::parse("manifest.json", manifest.to_string().as_bytes()).is_ok()
}

/// A manifest of one artifact, `x` with these keys too.
fn of_one(more: &str) -> Json {
    serde_json::from_str(&format!(r#"{{"version":"1.0","artifacts":[{{"name":"x"{more}}}]}}"#)).unwrap()
}

#[test]
fn keys_are_those_of_the_manifest() {
    let schema: Json = serde_json::from_str(TEXT).unwrap();
    let artifact = Artifact { kind: None, name: String::new(), size: None, checksum: None, records: None };
    let manifest = Manifest {
        version: String::new(),
        generated_at: None,
        run_id: None,
        extract_id: None,
        format: None,
        include: None,
        artifacts: vec![artifact],
    };
    let written = serde_json::to_value(manifest).unwrap();
    assert_eq!(keys(&schema["properties"]), keys(&written));
    assert_eq!(keys(&schema["$defs"]["artifact"]["properties"]), keys(&written["artifacts"][0]));
}

#[test]
fn what_is_written_keeps_to_it() {
    let manifest = serde_json::to_value(sample().1).unwrap();
    assert_eq!(Schema::new().check(&manifest), Ok(()));
}

#[test]
fn manifests_from_the_field_keep_to_it() {
    let schema = Schema::new();
    for path in sample_paths() {
        let mut zip = zip::ZipArchive::new(std::fs::File::open(&path).unwrap()).unwrap();
        let mut text = String::new();
        zip.by_name("manifest.json").unwrap().read_to_string(&mut text).unwrap();
        let manifest = serde_json::from_str(&text).unwrap();
        assert_eq!(schema.check(&manifest), Ok(()), "{}", path.display());
    }
}

#[test]
fn what_the_reader_takes_keeps_to_it() {
    let schema = Schema::new();
    let digits = "0123456789abcdefABCDEF".repeat(3);
    for manifest in [
        json!({"version": "1.0"}),
        json!({"version": "1"}),
        json!({"version": 1}),
        json!({"version": 1.5}),
        json!({"version": "1.7", "run_id": null, "format": null, "include": null, "artifacts": null, "more": [1]}),
        json!({"version": "1.0", "include": "data"}),
        json!({"version": "1.0", "include": ["describe", "data"], "artifacts": []}),
        of_one(r#","size":"7620","records":"3""#),
        of_one(r#","size":12,"records":null,"type":null,"more":1"#),
        of_one(r#","size":12.0,"records":18446744073709551615"#),
        of_one(&format!(r#","checksum":"{}""#, &digits[..64])),
        of_one(r#","checksum":null"#),
    ] {
        assert!(is_read(&manifest), "{manifest}");
        assert_eq!(schema.check(&manifest), Ok(()), "{manifest}");
    }
}

#[test]
fn what_the_reader_refuses_breaks_it() {
    let schema = Schema::new();
    for manifest in [
        json!([]),
        json!({}),
        json!({"version": null}),
        json!({"version": "2.0"}),
        json!({"version": 2}),
        json!({"version": "10.1"}),
        json!({"version": ""}),
        json!({"version": ["1.0"]}),
        json!({"version": "1.0", "run_id": 5}),
        json!({"version": "1.0", "include": [1]}),
        json!({"version": "1.0", "include": {"data": true}}),
        json!({"version": "1.0", "include": vec![""; 101]}),
        json!({"version": "1.0", "artifacts": "all"}),
        json!({"version": "1.0", "artifacts": ["a.jsonl"]}),
        json!({"version": "1.0", "artifacts": [{"size": 1}]}),
        of_one(r#","type":5"#),
        of_one(r#","size":-1"#),
        of_one(r#","size":1.5"#),
        of_one(r#","size":"1.5""#),
        of_one(r#","size":true"#),
        of_one(r#","size":[0]"#),
        of_one(r#","records":"many""#),
        of_one(r#","checksum":"abc""#),
        of_one(&format!(r#","checksum":"{}""#, "g".repeat(64))),
    ] {
        assert!(!is_read(&manifest), "{manifest}");
        assert!(schema.check(&manifest).is_err(), "{manifest}");
    }
}
