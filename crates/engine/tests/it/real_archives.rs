//! Archives that other programs wrote go in, twice.

use std::io::Cursor;

use reinstate_archive::{Archive, Limits};
use reinstate_describe::system::is_reserved_model;
use reinstate_engine::{LogLevel, MemoryTenant, Strategy};

use crate::harness::case;

fn archives() -> Vec<(String, Vec<u8>)> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let original = ["alltypes", "demo", "full-all", "testing"]
        .map(|name| format!("crates/archive/tests/data/original/{name}.zip"));
    let files = original.into_iter().chain(["bin/reinstate/sample/chinook.zip".to_owned()]);
    files.map(|file| (file.clone(), std::fs::read(format!("{root}/{file}")).unwrap())).collect()
}

/// Records in the archive's files, those of reserved models left out.
fn records(bytes: &[u8]) -> u64 {
    let mut archive = Archive::open(Cursor::new(bytes), Limits::default()).unwrap();
    let names: Vec<_> = archive
        .data_entries()
        .filter(|entry| !is_reserved_model(&entry.model))
        .map(|e| e.name.clone())
        .collect();
    let mut count = 0;
    for name in names {
        let mut lines = archive.lines(&name).unwrap();
        while lines.next_line().unwrap().is_some() {
            count += 1;
        }
    }
    count
}

#[test]
fn every_archive_restores_into_an_empty_tenant_and_again_on_itself() {
    for (name, bytes) in archives() {
        let tenant = MemoryTenant::default();
        let expected = records(&bytes);
        let mut first = case(Strategy::Replace);
        let done =
            first.run(&bytes, &tenant).unwrap_or_else(|failure| panic!("{name}: {}", failure.error.detail()));
        assert_eq!(done.records_imported, expected, "{name}");
        let after_first = tenant.copy();
        let mut second = case(Strategy::Upsert).with(|request| request.run_id = "run_2".into());
        let done = second
            .run(&bytes, &tenant)
            .unwrap_or_else(|failure| panic!("{name}: {}", failure.error.detail()));
        assert_eq!((done.records_imported, done.records_updated), (0, expected), "{name}");
        for model in tenant.catalog().iter() {
            assert_eq!(
                tenant.records(model.name.as_str()),
                after_first.records(model.name.as_str()),
                "{name}"
            );
        }
        let reserved = first.logs(LogLevel::Warn).iter().filter(|log| log.contains("reserved model")).count();
        assert_eq!(reserved, if name.ends_with("full-all.zip") { 6 } else { 0 }, "{name}");
    }
}
