//! The server that is measured, in this process, with a tenant full of records.

use std::error::Error;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{SystemTime, UNIX_EPOCH};

use actix_web::web::Data;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use reinstate_describe::{AccessLevel, Caller, Field, FieldType, Model, Name};
use reinstate_engine::{Clock, IdSource};
use reinstate_http::{AppState, AuthSettings, HttpSettings};
use reinstate_jobs::{Custody, JobSettings, Jobs, Objects, StorageSettings, SystemClock, TimeOrderedIds};
use reinstate_store::{DatabaseUrl, Store, StoreSettings, Tenant, TenantId};

/// The tenant.
pub(crate) const TENANT: &str = "bench";

/// The model.
pub(crate) const MODEL: &str = "orders";

/// Different values of the field that pages are filtered by.
pub(crate) const RANKS: u64 = 500;

const SECRET: &str = "a secret of more than thirty-two bytes, for this bench alone";

/// Records of one transaction.
const CHUNK: u64 = 5_000;

/// A running server; it ends with the process.
pub(crate) struct Product {
    /// Host and port.
    pub(crate) address: String,
    /// A token that it takes.
    pub(crate) token: String,
    /// Where archives would be kept.
    _folder: tempfile::TempDir,
}

impl Product {
    /// Fills a database and starts the server on it.
    pub(crate) fn start(url: DatabaseUrl, records: u64) -> Result<Self, Box<dyn Error>> {
        let folder = tempfile::tempdir()?;
        let storage = StorageSettings::folder(folder.path().join("objects"));
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?.to_string();
        let custody = Custody::take(&url)?;
        let store = Store::open(&StoreSettings::new(url))?;
        fill(&store.tenants.open(&TenantId::new(TENANT)?)?, records)?;
        let objects = Objects::open(&storage, folder.path())?;
        let (ready, started) = mpsc::channel();
        std::thread::spawn(move || {
            actix_web::rt::System::new().block_on(async {
                let served = serve(listener, custody, store, objects);
                let message = served.as_ref().err().map(ToString::to_string);
                // The other side waits for this word.
                drop(ready.send(message));
                match served {
                    Ok(server) => drop(server.await),
                    Err(error) => drop(error),
                }
            });
        });
        match started.recv()? {
            None => Ok(Self { address, token: token()?, _folder: folder }),
            Some(message) => Err(message.into()),
        }
    }
}

fn serve(
    listener: TcpListener,
    custody: Custody,
    store: Store,
    objects: Objects,
) -> Result<actix_web::dev::Server, Box<dyn Error>> {
    let (clock, ids) = (Arc::new(SystemClock), Arc::new(TimeOrderedIds));
    let settings = JobSettings { workers: 1, ..JobSettings::default() };
    let jobs = Jobs::start(custody, store.clone(), objects.clone(), settings, clock.clone(), ids.clone())?;
    let auth = AuthSettings::Hs256Secret(SECRET.to_owned());
    let state = AppState::new(store, objects, jobs, &auth, HttpSettings::default(), clock, ids)?;
    Ok(reinstate_http::serve(listener, Data::new(state))?)
}

/// The id of a record.
pub(crate) fn id(number: u64) -> String {
    format!("0194{:04x}-0000-7000-8000-{number:012x}", number >> 16)
}

fn fill(tenant: &Tenant, records: u64) -> Result<(), Box<dyn Error>> {
    let name = |text: &str| Name::new(text);
    let rank = Field { index: true, ..Field::new(name("rank")?, FieldType::Integer) };
    let mut model = Model::new(name(MODEL)?).with_field(rank);
    for (field, field_type) in
        [("name", FieldType::Text), ("city", FieldType::Text), ("active", FieldType::Boolean)]
    {
        model = model.with_field(Field::new(name(field)?, field_type));
    }
    tenant.model_create(&model)?;
    let caller = Caller::new(AccessLevel::Root, "bench");
    for first in (0..records).step_by(CHUNK as usize) {
        let bodies: Vec<_> = (first..records.min(first + CHUNK)).map(body).collect();
        let bodies: Vec<_> = bodies.iter().map(String::as_str).collect();
        let ids: &dyn IdSource = &TimeOrderedIds;
        tenant.records_create(&caller, MODEL, &bodies, false, SystemClock.now_micros(), ids)?;
    }
    Ok(())
}

fn body(number: u64) -> String {
    format!(
        r#"{{"id":"{}","rank":{},"name":"amber birch {number}","city":"Lisbon","active":{}}}"#,
        id(number),
        number % RANKS,
        number.is_multiple_of(3)
    )
}

fn token() -> Result<String, Box<dyn Error>> {
    let now_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let claims =
        serde_json::json!({ "sub": "bench", "tenant": TENANT, "access": "root", "exp": now_s + 86_400 });
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    Ok(jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?)
}
