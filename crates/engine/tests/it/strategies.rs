//! Each row of the strategy table, on an empty tenant and on one with records.

use reinstate_engine::{Counters, LogLevel, MemoryTenant, Strategy};

use crate::harness::{NOTES, case, tenant_with_notes, titles, zip};

const FILE: &str = "{\"id\":\"b\",\"title\":\"new b\"}\n{\"id\":\"c\",\"title\":\"new c\"}\n{\"id\":\"t\",\"title\":\"new t\"}\n";

fn counters(imported: u64, updated: u64, skipped: u64, deleted: u64) -> Counters {
    Counters {
        records_imported: imported,
        records_updated: updated,
        records_skipped: skipped,
        records_deleted: deleted,
        ..Counters::default()
    }
}

#[test]
fn new_models_take_every_record_under_every_strategy() {
    for strategy in Strategy::ALL {
        let tenant = MemoryTenant::default();
        let done = case(strategy).run(&zip(NOTES, &[("notes.jsonl", FILE)]), &tenant).unwrap();
        let expected = Counters { models_created: 1, fields_created: 1, ..counters(3, 0, 0, 0) };
        assert_eq!(done, expected, "{strategy}");
        assert_eq!(titles(&tenant, "notes"), ["b=new b", "c=new c", "t=new t"], "{strategy}");
    }
}

#[test]
fn existing_models_follow_the_table() {
    let kept = vec!["a=old a", "b=old b", "c=new c", "t=old t!"];
    let table = [
        (Strategy::Replace, counters(3, 0, 0, 3), vec!["b=new b", "c=new c", "t=new t"]),
        // The line does not name `trashed_at`, so the record stays in the trash.
        (Strategy::Upsert, counters(1, 2, 0, 0), vec!["a=old a", "b=new b", "c=new c", "t=new t!"]),
        (Strategy::Merge, counters(0, 0, 3, 0), vec!["a=old a", "b=old b", "t=old t!"]),
        (Strategy::Sync, counters(1, 0, 2, 0), kept.clone()),
        (Strategy::Skip, counters(1, 0, 2, 0), kept),
    ];
    for (strategy, expected, after) in table {
        let tenant = tenant_with_notes();
        let done = case(strategy).run(&zip(NOTES, &[("notes.jsonl", FILE)]), &tenant).unwrap();
        assert_eq!(done, expected, "{strategy}");
        assert_eq!(titles(&tenant, "notes"), after, "{strategy}");
    }
}

#[test]
fn error_strategy_names_the_first_conflict_and_counts_all() {
    let sentence = case(Strategy::Error).fails(&zip(NOTES, &[("notes.jsonl", FILE)]), &tenant_with_notes());
    assert_eq!(
        sentence,
        "Model 'notes' already has record 'b' (notes.jsonl line 1); 2 records of the file exist already. \
         Nothing was applied"
    );
}

#[test]
fn error_strategy_without_conflict_inserts_all() {
    let tenant = tenant_with_notes();
    let done = case(Strategy::Error).run(&zip(NOTES, &[("notes.jsonl", "{\"id\":\"z\"}")]), &tenant).unwrap();
    assert_eq!(done, counters(1, 0, 0, 0));
}

#[test]
fn an_id_that_stands_twice_is_treated_as_the_table_says() {
    let twice = "{\"id\":\"x\",\"title\":\"1\"}\n{\"id\":\"y\"}\n\n{\"id\":\"x\",\"title\":\"2\"}\n";
    let archive = zip(NOTES, &[("notes.jsonl", twice)]);
    for strategy in [Strategy::Replace, Strategy::Merge, Strategy::Error] {
        let sentence = case(strategy).fails(&archive, &MemoryTenant::default());
        assert!(
            sentence.starts_with("notes.jsonl line 4: record 'x' of model 'notes' stands in the file twice")
        );
    }
    for strategy in [Strategy::Sync, Strategy::Skip] {
        let tenant = MemoryTenant::default();
        let done = case(strategy).run(&archive, &tenant).unwrap();
        assert_eq!((done.records_imported, done.records_skipped), (2, 1), "{strategy}");
        assert_eq!(titles(&tenant, "notes"), ["x=1", "y=-"], "{strategy}");
    }
    let tenant = MemoryTenant::default();
    let done = case(Strategy::Upsert).run(&archive, &tenant).unwrap();
    assert_eq!((done.records_imported, done.records_updated), (2, 1));
    assert_eq!(titles(&tenant, "notes"), ["x=2", "y=-"]);
}

#[test]
fn replace_leaves_models_without_a_file_alone() {
    let tenant = tenant_with_notes();
    let done = case(Strategy::Replace).run(&zip(NOTES, &[]), &tenant).unwrap();
    assert_eq!(done, Counters::default());
    assert_eq!(titles(&tenant, "notes").len(), 3);
}

#[test]
fn replace_with_an_empty_file_empties_the_model() {
    let tenant = tenant_with_notes();
    let mut case = case(Strategy::Replace);
    assert_eq!(case.run(&zip(NOTES, &[("notes.jsonl", "")]), &tenant).unwrap(), counters(0, 0, 0, 3));
    assert!(case.logs(LogLevel::Info).contains(&"notes: Deleted 3 existing records".to_owned()));
}

#[test]
fn replace_touches_only_models_of_the_filter() {
    let tenant = tenant_with_notes();
    let describe = format!("{NOTES}others:\n  fields: {{}}\n");
    let archive = zip(&describe, &[("notes.jsonl", ""), ("others.jsonl", "{\"id\":\"o\"}")]);
    let mut case = case(Strategy::Replace).with(|request| request.models = Some(vec!["OTHERS".into()]));
    assert_eq!(case.run(&archive, &tenant).unwrap().records_deleted, 0);
    assert_eq!(titles(&tenant, "notes").len(), 3);
    assert_eq!(titles(&tenant, "others").len(), 1);
}

#[test]
fn sync_logs_the_first_thousand_skipped_records_then_a_number() {
    let lines: String = (0..1_500).map(|n| format!("{{\"id\":\"{n:05}\"}}\n")).collect();
    let archive = zip(NOTES, &[("notes.jsonl", &lines)]);
    let tenant = MemoryTenant::default();
    case(Strategy::Upsert).run(&archive, &tenant).unwrap();
    let mut case = case(Strategy::Sync);
    assert_eq!(case.run(&archive, &tenant).unwrap(), counters(0, 0, 1_500, 0));
    let logs = case.logs(LogLevel::Info);
    let skips = logs.iter().filter(|log| *log == "notes: Skipped existing record (sync strategy)").count();
    assert_eq!(skips, 1_000);
    assert!(logs.contains(&"notes: Skipped 500 more records that exist".to_owned()));
}

#[test]
fn skip_logs_no_record() {
    let mut case = case(Strategy::Skip);
    case.run(&zip(NOTES, &[("notes.jsonl", FILE)]), &tenant_with_notes()).unwrap();
    let logs = case.logs(LogLevel::Info);
    assert_eq!(
        logs,
        ["-: Opened archive with 1 data files", "notes: Imported 1, updated 0, skipped 2 records"]
    );
}

#[test]
fn error_strategy_names_the_conflict_even_where_a_later_line_is_broken() {
    let lines = "{\"id\":\"b\"}\n{\"id\":7}\n";
    let sentence = case(Strategy::Error).fails(&zip(NOTES, &[("notes.jsonl", lines)]), &tenant_with_notes());
    assert!(sentence.starts_with("Model 'notes' already has record 'b'"), "{sentence}");
}
