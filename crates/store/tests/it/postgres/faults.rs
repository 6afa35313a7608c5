//! Locks that others hold, and connections that break: nothing is done by halves, nothing twice.

use std::time::Instant;

use diesel::connection::SimpleConnection;
use diesel::{Connection, PgConnection};
use reinstate_describe::{Field, FieldType, Model};
use reinstate_engine::IdSource;
use reinstate_store::{Store, StoreError, Tenant};

use super::proxy::Proxy;
use crate::fixtures::{Backend, CountedIds, NOW, Scratch, field, items, name, records, root, tenant_of};

fn with_record() -> (Scratch, Tenant) {
    let scratch = Scratch::with(Backend::Postgres, |settings| settings.busy_timeout_ms = 400);
    let tenant = scratch.tenant();
    tenant.model_create(&items()).unwrap();
    create(&tenant, &[r#"{"id":"a","size":1}"#]).unwrap();
    (scratch, tenant)
}

fn create(tenant: &Tenant, bodies: &[&str]) -> Result<Vec<String>, StoreError> {
    tenant.records_create(&root(), "items", bodies, false, NOW, &CountedIds::default())
}

fn update(tenant: &Tenant) -> Result<Vec<String>, StoreError> {
    tenant.records_update(&root(), "items", &[(Some("a"), r#"{"size":2}"#)], NOW)
}

/// A connection of somebody else's with an open transaction in the tenant's schema.
pub(super) fn stranger(scratch: &Scratch, sql: &str) -> PgConnection {
    let mut connection = PgConnection::establish(&scratch.database().url()).unwrap();
    connection.batch_execute(&format!("BEGIN; SET LOCAL search_path TO \"t_acme\"; {sql}")).unwrap();
    connection
}

/// Ends every connection to the test's database but its own.
pub(super) fn kill_all(scratch: &Scratch) {
    scratch.database().execute(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity \
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'",
    );
}

fn is_unavailable<T>(outcome: &Result<T, StoreError>) -> bool {
    matches!(outcome, Err(StoreError::Unavailable { .. }))
}

#[test]
fn writer_waits_for_a_locked_record_as_long_as_it_has_patience() {
    let (scratch, tenant) = with_record();
    let mut other = stranger(&scratch, r#"SELECT FROM "items" WHERE "id" = 'a' FOR UPDATE"#);
    let start = Instant::now();
    assert!(is_unavailable(&update(&tenant)));
    assert!(start.elapsed().as_millis() >= 300, "{:?}", start.elapsed());
    // Readers and writers of other records do not notice.
    assert_eq!(records(&tenant, "items").len(), 1);
    create(&tenant, &[r#"{"id":"b"}"#]).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| update(&tenant));
        other.batch_execute("SELECT pg_catalog.pg_sleep(0.15); COMMIT").unwrap();
        waiting.join().unwrap().unwrap();
    });
}

#[test]
fn definitions_wait_for_readers_and_hold_nobody_up_for_long() {
    let (scratch, tenant) = with_record();
    let other = stranger(&scratch, r#"LOCK TABLE "$catalog" IN ACCESS SHARE MODE"#);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| tenant.fields_create("items", &[field("more", FieldType::Text)]));
        for _ in 0..10 {
            assert_eq!(records(&tenant, "items").len(), 1);
        }
        assert!(is_unavailable(&waiting.join().unwrap()));
    });
    drop(other);
    tenant.fields_create("items", &[field("more", FieldType::Text)]).unwrap();
}

#[test]
fn connection_that_died_while_it_was_idle_is_not_noticed() {
    let (scratch, tenant) = with_record();
    for _ in 0..3 {
        kill_all(&scratch);
        assert_eq!(records(&tenant, "items").len(), 1);
        kill_all(&scratch);
        update(&tenant).unwrap();
        kill_all(&scratch);
        tenant.fields_update("items", &["size"], |_, field| Ok(field.clone())).unwrap();
    }
}

/// Cuts every connection when it is asked for an id: in the middle of a request.
struct Cutting<'a>(&'a Scratch);

impl IdSource for Cutting<'_> {
    fn record_id(&self) -> String {
        kill_all(self.0);
        "made".to_owned()
    }
}

#[test]
fn connection_that_dies_in_the_middle_takes_everything_back() {
    let (scratch, tenant) = with_record();
    let before = tenant.dump().unwrap();
    let made =
        tenant.records_create(&root(), "items", &[r#"{"id":"b"}"#, "{}"], false, NOW, &Cutting(&scratch));
    assert!(is_unavailable(&made), "{made:?}");
    let changed = tenant.fields_update("items", &["size", "title"], |place, field| {
        if place == 1 {
            kill_all(&scratch);
        }
        Ok(Field { index: true, ..field.clone() })
    });
    assert!(is_unavailable(&changed), "{changed:?}");
    let listed = tenant.records_list(&root(), "items", |_| {
        kill_all(&scratch);
        Ok(crate::fixtures::everything())
    });
    assert!(is_unavailable(&listed), "{listed:?}");
    assert_eq!(tenant.dump().unwrap(), before);
    create(&tenant, &[r#"{"id":"b"}"#]).unwrap();
}

#[test]
fn commit_whose_answer_is_lost_is_not_done_again() {
    let (scratch, direct) = with_record();
    let url = scratch.database().url();
    let proxy = Proxy::new(&url, "COMMIT");
    let mut settings = scratch.settings.clone();
    settings.url = proxy.url(&url).parse().unwrap();
    let store = Store::open(&settings).unwrap();
    let tenant = tenant_of(&store, "acme");
    let ids = CountedIds::default();
    let make = || tenant.records_create(&root(), "items", &["{}"], false, NOW, &ids);
    make().unwrap();
    proxy.break_next();
    let made = make();
    assert!(proxy.has_broken());
    assert!(is_unavailable(&made), "{made:?}");
    // It was carried out all the same, once; that the server has not come to it yet cannot last.
    let deadline = Instant::now() + std::time::Duration::from_secs(10);
    while records(&direct, "items").len() < 3 && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(records(&direct, "items").len(), 3);
    make().unwrap();
    assert_eq!(records(&direct, "items").len(), 4);
}

#[test]
fn columns_that_were_dropped_count_until_a_sentence_says_so() {
    let (_scratch, tenant) = with_record();
    let model = (0..1_590).fold(Model::new(name("wide")), |model, number| {
        model.with_field(field(&format!("f{number}"), FieldType::Boolean))
    });
    tenant.model_create(&model).unwrap();
    tenant.field_delete("wide", "f0").unwrap();
    let fresh = ["fresh", "fresher"].map(|fresh| field(fresh, FieldType::Text));
    let refused = tenant.fields_create("wide", &fresh);
    assert!(matches!(&refused, Err(StoreError::DefinitionInvalid(_))), "{refused:?}");
    tenant.fields_create("wide", &fresh[..1]).unwrap();
    let wider = ["more", "most"]
        .into_iter()
        .fold(model, |model, more| model.with_field(field(more, FieldType::Text)));
    let refused = tenant.model_create(&Model { name: name("wider"), ..wider });
    assert!(matches!(&refused, Err(StoreError::DefinitionInvalid(_))), "{refused:?}");
}

#[test]
fn writers_in_a_deadlock_all_come_through() {
    let scratch = Scratch::with(Backend::Postgres, |settings| settings.busy_timeout_ms = 30_000);
    // Found before anybody gives up a lock.
    scratch.database().execute(
        "DO $$BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = %L', current_database(), '5ms'); END$$",
    );
    let tenant = tenant_of(&scratch.again(), "acme");
    tenant.model_create(&items()).unwrap();
    create(&tenant, &[r#"{"id":"a"}"#, r#"{"id":"b"}"#]).unwrap();
    std::thread::scope(|scope| {
        let write = |bodies: [&str; 2]| {
            for _ in 0..40 {
                // Two shapes are two statements, so that others come between them.
                let ids = CountedIds::default();
                tenant.records_create(&root(), "items", &bodies, true, NOW, &ids).unwrap();
            }
        };
        let [a, b] = [r#"{"id":"a","size":1}"#, r#"{"id":"b","title":"x"}"#];
        scope.spawn(move || write([a, b]));
        scope.spawn(move || write([b, a]));
    });
    assert_eq!(records(&tenant, "items").len(), 2);
}

#[test]
fn value_that_no_index_takes_is_refused_with_a_sentence() {
    let (_scratch, tenant) = with_record();
    // Letters in no order, so that they cannot be made shorter.
    let mut state = 1_u32;
    let letter = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'!' + u8::try_from((state >> 24) % 90).unwrap_or_default())
    };
    let long: String = std::iter::repeat_with(letter).take(20_000).collect();
    let body = |field: &str| serde_json::json!({ "id": "long", field: long }).to_string();
    let refused = create(&tenant, &[&body("code")]);
    assert!(
        matches!(&refused, Err(StoreError::Conflict { message }) if message.contains("larger")),
        "{refused:?}"
    );
    create(&tenant, &[&body("title")]).unwrap();
    let title = Field { index: true, ..field("title", FieldType::Text) };
    let refused = tenant.fields_update("items", &["title"], |_, _| Ok(title.clone()));
    assert!(matches!(&refused, Err(StoreError::Conflict { .. })), "{refused:?}");
}
