//! Laws that hold for every archive and every tenant.

use proptest::prelude::*;
use reinstate_engine::{MemoryTenant, Strategy};

use crate::document::{entries, restored};
use crate::extracts::{request, run as extracted};
use crate::harness::{case, titles, zip};

const DESCRIBE: &str =
    "notes:\n  fields:\n    title: { type: text }\n    n: { type: integer, default_value: 1 }\n";

/// Lines with few ids, so that they meet, and with keys that come and go.
fn lines() -> impl Strategy_<Value = Vec<(u8, Option<u8>, bool)>> {
    prop::collection::vec((0_u8..12, prop::option::of(any::<u8>()), any::<bool>()), 0..30)
}

use proptest::strategy::Strategy as Strategy_;

fn text(lines: &[(u8, Option<u8>, bool)]) -> String {
    let line = |(id, title, n): &(u8, Option<u8>, bool)| {
        let title = title.map(|title| format!(",\"title\":\"{title}\"")).unwrap_or_default();
        let n = if *n { ",\"n\":5" } else { "" };
        format!("{{\"id\":\"{id}\"{title}{n}}}\n")
    };
    lines.iter().map(line).collect()
}

fn distinct(lines: &[(u8, Option<u8>, bool)]) -> Vec<(u8, Option<u8>, bool)> {
    let mut seen = std::collections::HashSet::new();
    lines.iter().filter(|line| seen.insert(line.0)).copied().collect()
}

fn run(tenant: &MemoryTenant, strategy: Strategy, lines: &[(u8, Option<u8>, bool)], run: &str) -> u64 {
    let mut case = case(strategy).with(|request| request.run_id = run.into());
    let done = case.run(&zip(DESCRIBE, &[("notes.jsonl", &text(lines))]), tenant).unwrap();
    done.records_imported + done.records_updated + done.records_skipped
}

const VALUES: &str = "values:
  zeta: 1
  alpha: [1.50]
  fields:
    words: { type: text, unknown: { b: 1, a: 2 } }
    exact: { type: decimal }
    instant: { type: timestamp }
    tree: { type: jsonb }
    list: { type: \"text[]\" }
";

/// A record of the model above, in spellings that are not those of an extract.
fn value_line() -> impl Strategy_<Value = String> {
    let text = any::<String>().prop_map(|text| text.replace('\0', ""));
    (text, "-?[1-9][0-9]{0,20}(\\.[0-9]{1,9}0)?(e[0-9])?", 0..4_102_444_800_i64, "[b-d]{1,2}").prop_map(
        |(text, number, second, key)| {
            let words = serde_json::to_string(&text).unwrap();
            let units = text.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect::<String>();
            let instant = format!("2025-01-19 10:00:00.{:06}+02:00", second % 1_000_000);
            format!(
                "\"words\": \"{units}\", \"exact\": \"{number}\", \"instant\": \"{instant}\", \
                 \"tree\": {{ \"{key}\": {number}, \"a\": [{words}, {{ \"\": null }}], \"c\": 1 }}, \"list\": [{words}, null]"
            )
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_line_is_counted_once(before in lines(), after in lines()) {
        for strategy in [Strategy::Upsert, Strategy::Sync, Strategy::Skip] {
            let tenant = MemoryTenant::default();
            prop_assert_eq!(run(&tenant, Strategy::Upsert, &before, "run_1"), before.len() as u64);
            prop_assert_eq!(run(&tenant, strategy, &after, "run_2"), after.len() as u64);
        }
    }

    #[test]
    fn applying_twice_is_applying_once(before in lines(), after in lines()) {
        for strategy in [Strategy::Upsert, Strategy::Sync, Strategy::Skip, Strategy::Merge] {
            let tenant = MemoryTenant::default();
            run(&tenant, Strategy::Upsert, &before, "run_1");
            run(&tenant, strategy, &after, "run_2");
            let once = tenant.records("notes");
            run(&tenant, strategy, &after, "run_3");
            prop_assert_eq!(tenant.records("notes"), once);
        }
    }

    #[test]
    fn skip_and_sync_never_change_a_record_that_is_there(before in lines(), after in lines()) {
        for strategy in [Strategy::Sync, Strategy::Skip, Strategy::Merge] {
            let tenant = MemoryTenant::default();
            run(&tenant, Strategy::Upsert, &before, "run_1");
            let old = tenant.records("notes");
            run(&tenant, strategy, &after, "run_2");
            let new = tenant.records("notes");
            prop_assert!(old.iter().all(|record| new.contains(record)));
        }
    }

    #[test]
    fn replace_equals_the_archive(before in lines(), after in lines()) {
        let after = distinct(&after);
        let replaced = MemoryTenant::default();
        run(&replaced, Strategy::Upsert, &before, "run_1");
        run(&replaced, Strategy::Replace, &after, "run_2");
        let fresh = MemoryTenant::default();
        run(&fresh, Strategy::Error, &after, "run_1");
        prop_assert_eq!(replaced.records("notes"), fresh.records("notes"));
        prop_assert_eq!(titles(&fresh, "notes").len(), after.len());
    }

    #[test]
    fn an_extract_that_is_restored_gives_the_same_extract(lines in prop::collection::vec(value_line(), 0..20)) {
        let lines: String = lines.iter().enumerate().map(|(id, line)| format!("{{{line}, \"id\": \"{id}\"}}\n")).collect();
        let first = extracted(&restored(&zip(VALUES, &[("values.jsonl", &lines)])), &request()).unwrap();
        let second = extracted(&restored(&first.bytes), &request()).unwrap();
        prop_assert_eq!(entries(&first.bytes), entries(&second.bytes));
        prop_assert_eq!(first.bytes, second.bytes, "with one manifest the files are equal too");
    }
}
