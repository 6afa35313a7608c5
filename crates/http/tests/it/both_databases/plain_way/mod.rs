//! Whatever quick way a restore takes on a database, it writes what the plain way writes: the engine's procedure over
//! a tenant in memory.
//!
//! A case is a story of random models and of archives with random records, restored one after the other through the
//! API with random strategies. After each run its outcome, counters and log are those of the plain way and so are all
//! records; a run that failed left everything as it was; at the end an extract has the same content.
//! `PROPTEST_CASES` and `PROPTEST_RNG_SEED` make more of them, and others.

mod account;
mod borders;
mod records;
mod reference;
mod shape;
mod story;

use std::collections::BTreeMap;

use account::Account;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use records::Records;
use reference::Reference;
use reinstate_describe::AccessLevel;
use reinstate_engine::Strategy;
use serde_json::json;
use story::story;

use super::tenant_copy::{ListTexts, assert_same_records, json_fields};
use crate::harness::{Backend, Session, TestServer, content};

/// Stories of a usual test run on each database.
const CASES: u32 = 24;

/// Looks for a smaller case that fails too, each of them a story told anew.
const SHRINK_STEPS_MAX: u32 = 50;

fn config() -> Config {
    let default =
        Config { failure_persistence: None, max_shrink_iters: SHRINK_STEPS_MAX, ..Config::default() };
    let is_set = |variable: &str| std::env::var_os(variable).is_some();
    Config {
        cases: if is_set("PROPTEST_CASES") { default.cases } else { CASES },
        rng_seed: if is_set("PROPTEST_RNG_SEED") { default.rng_seed } else { RngSeed::Fixed(20_250_119) },
        ..default
    }
}

fn stories_end_alike(backend: Backend) {
    let system = actix_web::rt::System::new();
    let server = system.block_on(TestServer::start(backend));
    let number = std::cell::Cell::new(0);
    let told = TestRunner::new(config()).run(&story(), |story| {
        number.set(number.get() + 1);
        system.block_on(take(&server, &format!("case-{}", number.get()), story.steps()));
        Ok(())
    });
    // The server's last wishes are heard in here.
    system.block_on(async { drop(server) });
    if let Err(error) = told {
        panic!("{error}");
    }
}

/// A restore.
struct Step {
    strategy: Strategy,
    level: AccessLevel,
    include: &'static str,
    archive: Vec<u8>,
}

impl Default for Step {
    fn default() -> Self {
        let (strategy, level) = (Strategy::default(), AccessLevel::Full);
        Self { strategy, level, include: "describe,data", archive: Vec::new() }
    }
}

/// Takes the steps one after the other on the server and in memory; fails at the first difference.
async fn take(server: &TestServer, tenant: &str, steps: Vec<Step>) {
    let mut reference = Reference::default();
    let root = server.session(tenant, "root");
    for (number, step) in steps.into_iter().enumerate() {
        let before = server.dump(tenant);
        let expected = reference.restore(&step);
        let session = server.session(tenant, step.level.as_str());
        let form = [("conflict_strategy", step.strategy.as_str()), ("include", step.include)];
        let run = session.restore_with(step.archive, &form).await;
        let ended = Account::of(&root, &run).await;
        if ended.failure.is_some() {
            assert_eq!(server.dump(tenant), before, "run {number} failed and left something behind");
        }
        ended.assert_same(expected, &format!("run {number}"));
        assert_same_lists(&root, &reference).await;
    }
    assert_same_extracts(&root, &reference).await;
}

/// All records, as the Data API lists them.
async fn assert_same_lists(session: &Session, reference: &Reference) {
    for model in reference.tenant.catalog().iter() {
        let name = model.name.as_str();
        let path = format!("/api/data/{name}?trashed=include&order=id&limit=10000");
        let listed = ListTexts::of(&session.get(&path).await).records;
        let listed = Records(BTreeMap::from([(name.to_owned(), listed)])).plain();
        let expected = BTreeMap::from([(name.to_owned(), reference.tenant.records(name))]);
        let expected = Records::of_lines(expected).plain();
        let json = json_fields(session.get(&format!("/api/describe/{name}")).await.data());
        assert_same_records(name, &json, &listed.0[name], &expected.0[name]);
    }
}

/// Definitions and all records, as an extract has them.
async fn assert_same_extracts(session: &Session, reference: &Reference) {
    let run = session.extract(json!({ "name": "all" })).await;
    let (extracted, expected) = (content(&session.archive_of(&run).await), content(&reference.extracted()));
    assert_eq!(text(&extracted["describe.yaml"]), text(&expected["describe.yaml"]));
    assert_eq!(records(&extracted), records(&expected));
}

fn records(entries: &BTreeMap<String, Vec<u8>>) -> Records {
    let files = entries.iter().filter(|(name, _)| name.ends_with(".jsonl"));
    let lines = |content: &[u8]| text(content).lines().map(str::to_owned).collect();
    Records::of_lines(files.map(|(name, content)| (name.clone(), lines(content))).collect()).plain()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn random_stories_end_on_sqlite_as_in_memory() {
    stories_end_alike(Backend::Sqlite);
}

#[test]
fn random_stories_end_on_postgresql_as_in_memory() {
    stories_end_alike(Backend::Postgres);
}

async fn borders_are_crossed_alike(backend: Backend) {
    let server = TestServer::start(backend).await;
    take(&server, "in-order", borders::in_order()).await;
    take(&server, "in-no-order", borders::in_no_order()).await;
    take(&server, "failing", borders::failing()).await;
}

#[actix_web::test]
async fn borders_of_batches_and_copies_are_crossed_on_sqlite_as_in_memory() {
    borders_are_crossed_alike(Backend::Sqlite).await;
}

#[actix_web::test]
async fn borders_of_batches_and_copies_are_crossed_on_postgresql_as_in_memory() {
    borders_are_crossed_alike(Backend::Postgres).await;
}
