//! The page about the format of archives, held against what the program does.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use boon::{Compiler, Schemas};
use reinstate_archive::{Archive, Limits};
use reinstate_describe::{Field, FieldType, Model, Name, write_describe};
use reinstate_engine::{LogLevel, MemoryTenant, Strategy};
use serde_json::Value as Json;

use crate::extracts::{request, run};
use crate::harness::case;

const PAGE: &str = include_str!("../../../../docs/archive-format.md");
const DESCRIBE_SCHEMA: &str = include_str!("../../../../docs/schemas/describe.schema.json");
const MANIFEST_SCHEMA: &str = include_str!("../../../../docs/schemas/manifest.schema.json");

/// The part of the page below a heading, up to the next one of its kind.
fn section(heading: &str) -> &'static str {
    let (_, rest) = PAGE.split_once(&format!("\n## {heading}\n")).expect(heading);
    rest.split("\n## ").next().unwrap()
}

/// The code blocks of the worked example, each with the paragraph before it.
fn blocks() -> Vec<(String, String)> {
    let (mut blocks, mut before) = (Vec::new(), "");
    let mut lines = section("A worked example").lines();
    while let Some(line) = lines.next() {
        if line.starts_with("```") {
            let code = lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n"));
            blocks.push((before.to_owned(), code.collect()));
        } else if !line.is_empty() {
            before = line;
        }
    }
    blocks
}

/// The files of the worked example by their names.
fn files() -> BTreeMap<String, String> {
    let named = |(before, code): (String, String)| {
        let (name, _) = before.strip_prefix('`')?.split_once("`:")?;
        Some((name.to_owned(), code))
    };
    blocks().into_iter().filter_map(named).collect()
}

fn zip(files: &BTreeMap<String, String>) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, text) in files {
        zip.start_file(name.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The lines of a data entry, and the text of `describe.yaml`.
pub(crate) fn entries(bytes: &[u8]) -> BTreeMap<String, String> {
    let mut archive = Archive::open(Cursor::new(bytes), Limits::default()).unwrap();
    let describe = String::from_utf8(archive.describe_text().unwrap().unwrap()).unwrap();
    let names: Vec<String> = archive.data_entries().map(|entry| entry.name.clone()).collect();
    let mut entries = BTreeMap::from([("describe.yaml".to_owned(), describe)]);
    for name in names {
        let (mut lines, mut text) = (archive.lines(&name).unwrap(), String::new());
        while let Some(line) = lines.next_line().unwrap() {
            text += &format!("{}\n", line.text);
        }
        drop(lines);
        entries.insert(name, text);
    }
    entries
}

pub(crate) fn restored(bytes: &[u8]) -> MemoryTenant {
    let tenant = MemoryTenant::default();
    case(Strategy::Replace)
        .run(bytes, &tenant)
        .unwrap_or_else(|failure| panic!("{}", failure.error.detail()));
    tenant
}

#[test]
fn the_worked_example_is_a_sound_archive() {
    let files = files();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["describe.yaml", "manifest.json", "people.jsonl", "teams.jsonl"]);
    let inspection = Archive::inspect(Cursor::new(zip(&files)), Limits::default());
    assert!(inspection.faults.is_empty(), "{:?}", inspection.faults);
    assert_eq!(inspection.archive.unwrap().warnings(), []);
    assert_eq!(inspection.verdicts.iter().filter(|verdict| verdict.checksum_verified).count(), 3);
}

#[test]
fn the_worked_example_keeps_to_the_schemas() {
    let files = files();
    let describe: Json = serde_yaml::from_str(&files["describe.yaml"]).unwrap();
    let manifest: Json = serde_json::from_str(&files["manifest.json"]).unwrap();
    for (schema, value) in [(DESCRIBE_SCHEMA, describe), (MANIFEST_SCHEMA, manifest)] {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("urn:schema", serde_json::from_str(schema).unwrap()).unwrap();
        let index = compiler.compile("urn:schema", &mut schemas).unwrap();
        assert!(
            schemas.validate(&value, index).is_ok(),
            "{:#}",
            schemas.validate(&value, index).unwrap_err()
        );
    }
}

#[test]
fn the_worked_example_is_imported_with_and_without_its_manifest() {
    let mut files = files();
    for _ in 0..2 {
        let tenant = MemoryTenant::default();
        let mut restore = case(Strategy::Upsert);
        let done =
            restore.run(&zip(&files), &tenant).unwrap_or_else(|failure| panic!("{}", failure.error.detail()));
        assert_eq!((done.records_imported, done.models_created), (5, 2));
        assert_eq!(restore.logs(LogLevel::Warn), ["people: 1 records had no id and got one"]);
        files.remove("manifest.json");
    }
}

#[test]
fn an_extract_of_the_worked_example_is_as_the_page_shows_and_comes_back_the_same() {
    let extracted = run(&restored(&zip(&files())), &request()).unwrap().bytes;
    let shown = blocks().pop().unwrap().1;
    let people = &entries(&extracted)["people.jsonl"];
    assert!(people.contains(&shown), "{people}");
    let again = run(&restored(&extracted), &request()).unwrap().bytes;
    assert_eq!(entries(&again), entries(&extracted));
}

#[test]
fn the_tables_list_the_keys_in_the_order_in_which_they_are_written() {
    let model =
        Model::new(Name::new("m").unwrap()).with_field(Field::new(Name::new("f").unwrap(), FieldType::Text));
    let written = write_describe([&model]);
    // The lines of an indentation, without those further in.
    let keys = |indent: &str| -> Vec<&str> {
        let lines = written.lines().filter_map(|line| line.strip_prefix(indent));
        lines.filter(|line| !line.starts_with(' ')).map(|line| line.split(':').next().unwrap()).collect()
    };
    let tables: Vec<Vec<&str>> = section("`describe.yaml`")
        .split("| key | form | meaning |\n")
        .skip(1)
        .map(|table| {
            let rows = table.lines().take_while(|line| line.starts_with('|')).skip(1);
            let cells = rows.map(|row| row.trim_start_matches('|').split('|').next().unwrap());
            cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).collect()
        })
        .collect();
    assert_eq!(tables, [keys("  "), keys("      ")]);
}
